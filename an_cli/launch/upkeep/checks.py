"""What launching needs of this machine and of its cluster."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

from an_cli.kernels import Missing, folder, prepare, state
from an_cli.launch.slurm.limits import Cluster, ask_cluster
from an_cli.launch.slurm.scheduler import Commands, Scheduler
from an_cli.store import code_tree
from an_cli.store.checks import Check

_OF_ONE_NODE = ("/tmp", "/var/tmp", "/dev/shm", "/scratch/local")
_REQUIRED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STARTS_NOTHING = ("down", "drained", "draining", "fail", "failing", "maint", "inval", "unknown", "power_down")
_SHORT_S = 60  # less than this between SIGTERM and SIGKILL may not be enough to save a large model


def checks(scheduler: Scheduler | None = None) -> list[Check]:
    """Look at the environment, and at SLURM where there is one.

    Args:
        scheduler: how SLURM is spoken to; None takes this machine's commands.
    """
    every = [_environment(), _gpus(), _kernels()]
    if scheduler is None and shutil.which("sbatch") is None:
        return [*every, Check(name="SLURM", well=None, found="no sbatch on this machine: runs are started here")]
    scheduler = scheduler or Commands()
    cluster = ask_cluster(scheduler)
    if not cluster.answered:
        trouble = scheduler("scontrol", "show", "config").trouble
        return [
            *every,
            Check(name="SLURM", well=False, found=trouble or "no answer", now="try again; then ask for help"),
        ]
    return [*every, *_slurm(cluster, scheduler)]


def _environment() -> Check:
    inside = [name for name in os.environ if name in ("SLURM_JOB_ID", "SLURM_CPU_BIND")]
    python = f"Python {sys.version.split()[0]} at {sys.executable}, code {code_tree()}"
    if missing := _missing():
        text = f"{python}; not installed: {', '.join(missing)}"
        return Check(
            name="environment", well=False, found=text, now="it is older than this code: uv sync, or pip again"
        )
    if any(Path(sys.executable).is_relative_to(place) for place in _OF_ONE_NODE):
        text = f"{python}, which is this machine's own disk"
        return Check(name="environment", well=None, found=text, now="jobs run this Python: put it on a shared disk")
    if inside:
        return Check(name="environment", well=None, found=f"{python}; inside an allocation, which jobs do not inherit")
    return Check(name="environment", well=True, found=python)


def _missing() -> list[str]:
    """Distributions that an-cli requires here and that are not installed."""
    missing = []
    for text in _requirements():
        name, marker = _REQUIRED.match(text), text.partition(";")[2]
        if name is not None and not marker:  # the others are for some machines, or for extras
            try:
                metadata.version(name[0])
            except metadata.PackageNotFoundError:
                missing.append(name[0])
    return missing


def _requirements() -> list[str]:
    try:
        return metadata.requires("an-cli") or []
    except metadata.PackageNotFoundError:  # run from a folder of sources that nobody installed
        return []


def _gpus() -> Check:
    devices = len(list(Path("/dev").glob("nvidia[0-9]*")))
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    devices_text = f"{devices} on this machine" + (", hidden by CUDA_VISIBLE_DEVICES" if devices and hidden else "")
    return Check(name="GPUs", well=None, found=devices_text)


def _kernels() -> Check:
    """The compiled kernels of attentive normalization on a CPU; compiled now where they are not there."""
    try:
        prepare("fp32")
    except Missing as missing:
        without = f"none ({missing}): attentive normalization on a CPU is slower, with other bits"
        return Check(name="kernels", well=None, found=without)
    return Check(name="kernels", well=True, found=f"{state('fp32')}, in {folder()}")


def _slurm(cluster: Cluster, scheduler: Scheduler) -> list[Check]:
    accounts = scheduler("sacct", "--noheader", "--parsable2", "--starttime=now", "--format=JobID")
    preempt = cluster.preempt_mode or "unknown"
    warned = "after" if cluster.preempt_warns else "without (preempt_send_user_signal is not set)"
    return [
        Check(name="SLURM", well=True, found=f"{cluster.name}, version {cluster.version}"),
        Check(
            name="accounting",
            well=True if cluster.accounting and accounts.status == 0 else None,
            found="sacct answers" if accounts.status == 0 else f"sacct: {accounts.trouble}",
            now="" if accounts.status == 0 else "nothing: an-cli works without it, and learns of ends a minute later",
        ),
        Check(
            name="requeue",
            well=cluster.requeue,
            found="JobRequeue is on" if cluster.requeue else "JobRequeue is off",
            now="" if cluster.requeue else "give the same command again after a preemption or a time limit",
        ),
        Check(name="arrays", well=None, found=_arrays(cluster.max_array)),
        Check(
            name="preemption",
            well=None,
            found=f"mode {preempt}; {cluster.kill_wait_s} s between SIGTERM and SIGKILL, {warned} a warning signal",
            now="" if cluster.kill_wait_s >= _SHORT_S else "keep launch.checkpoint_interval_s short for large models",
        ),
        *_partitions(scheduler),
    ]


def _arrays(most: int) -> str:
    if most == 0:
        return "this cluster takes none: a job for each cell"
    return f"at most {most} {'job' if most == 1 else 'jobs'} in one; more are cut up"


def _partitions(scheduler: Scheduler) -> list[Check]:
    """What each takes; one that is down, or whose nodes all are, starts nothing, and says why."""
    answer = scheduler("sinfo", "--noheader", "--format=%P|%a|%l|%D|%G|%T|%E")
    rows = [line.strip().split("|", 6) for line in answer.out.splitlines() if line.count("|") >= 6]
    by_name: dict[str, list[list[str]]] = {}
    for row in rows:
        by_name.setdefault(row[0], []).append(row[1:])
    return [_partition(name, rows) for name, rows in by_name.items()]


def _partition(name: str, rows: list[list[str]]) -> Check:
    up, limit, gres = rows[0][0], rows[0][1], rows[0][3]
    nodes = sum(int(row[2]) for row in rows if row[2].isdecimal())
    bad = [row for row in rows if row[4].rstrip("*~#!%$@^-") in _STARTS_NOTHING]
    count = sum(int(row[2]) for row in bad if row[2].isdecimal())
    about = f"{nodes} {'node' if nodes == 1 else 'nodes'}, limit {limit}, {gres}"
    if up != "up":
        return Check(
            name=f"partition {name}",
            well=False,
            found=f"it is {up} and starts no job ({about})",
            now="name another with launch.partition, or ask who runs the cluster",
        )
    if bad:
        why = "; ".join(dict.fromkeys(f"{row[4]}: {row[5]}" for row in bad))
        return Check(
            name=f"partition {name}",
            well=False if count == nodes else None,
            found=f"{about}; {count} of them start nothing ({why})",
            now="see sinfo -R" if count == nodes else "",
        )
    return Check(name=f"partition {name}", well=True, found=about)


def site_text(scheduler: Scheduler | None = None) -> str:
    """A launch group for this cluster, with its own names as values.

    Args:
        scheduler: how SLURM is spoken to.
    """
    scheduler = scheduler or Commands()
    cluster = ask_cluster(scheduler)
    rows = [line.strip().split("|") for line in scheduler("sinfo", "--noheader", "--format=%P|%l|%G").out.splitlines()]
    parts = [row for row in rows if len(row) == 3]
    default = next((row for row in parts if row[0].endswith("*")), parts[0] if parts else ["", "infinite", "(null)"])
    gpus = [int(match[1]) for row in parts if (match := re.search(r"gpu(?::\w+)?:(\d+)", row[2]))]
    names = ", ".join(dict.fromkeys(row[0].rstrip("*") for row in parts))
    return (
        f"# Cluster {cluster.name}, SLURM {cluster.version}; written by an-cli doctor. Partitions: {names}.\n"
        f"# Choose it with: --on slurm launch=NAME. Each key is explained in the local.yaml that an-cli ships.\n"
        "defaults:\n  - slurm\n  - _self_\n\n"
        f"partition: {default[0].rstrip('*') or 'null'}  # limit {default[1]}\n"
        f"gpus_per_node: {1 if gpus else 0}\n"
        f"account: {_account(scheduler)}\n"
    )


def _account(scheduler: Scheduler) -> str:
    words = ("--noheader", "--parsable2", "show", "user", f"name={os.environ.get('USER', '')}", "format=DefaultAccount")
    answer = scheduler("sacctmgr", *words)
    accounts = answer.out.strip().splitlines() if answer.status == 0 else []
    return accounts[0].strip() if accounts and accounts[0].strip() else "null"
