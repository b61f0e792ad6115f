"""Interrupt jobs in every way that a real cluster has; each run must end as if nothing had happened.

    python -m tests.checks.slurm_interruptions [KIND ...]

One run per kind, on the cluster of tests/slurm/cluster.sh: preempted by a job in `urgent`, requeued by scontrol,
stopped before its time limit, its worker or its whole job killed, its slurmd killed while its processes live on. Each
is compared with the same run made here without interruption, bit by bit. Prints one JSON object per kind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from an_cli.store import RunFolder
from tests.slurm.harness import (
    Site,
    assert_one_writer,
    assert_same_bits,
    attempts_of,
    cluster,
    epochs_of,
    slurm,
    wait_until,
    worker_pid,
)

EPOCHS = 600


def preempt(site: Site, run: RunFolder) -> None:
    command = [
        "sbatch",
        "--parsable",
        "--partition=urgent",
        "--nodes=2",
        "--exclusive",
        "--output=/dev/null",
        "--wrap=sleep 3",
    ]
    slurm(*command)
    wait_until(lambda: any(row[1] == "PENDING" for row in site.jobs()), "the job to be preempted")


def requeue(site: Site, run: RunFolder) -> None:
    slurm("scontrol", "requeue", site.live_jobs()[0][0])


def time_limit(site: Site, run: RunFolder) -> None:
    job = site.live_jobs()[0][0]
    wait_until(lambda: len(attempts_of(run)) > 1, f"job {job} to requeue itself before its time limit", 200)


def kill_worker(site: Site, run: RunFolder) -> None:
    os.kill(worker_pid(run), signal.SIGKILL)


def kill_job(site: Site, run: RunFolder) -> None:
    stat = Path(f"/proc/{worker_pid(run)}/stat").read_text()
    parent = int(stat.rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)


def lose_node(site: Site, run: RunFolder) -> None:
    node, old = site.live_jobs()[0][2], worker_pid(run)
    cluster("kill", node)
    wait_until(lambda: site.live_jobs() and site.live_jobs()[0][2] not in ("", node), "the job to be elsewhere", 200)
    assert Path(f"/proc/{old}").exists(), "the old process was to live on"
    wait_until(lambda: len(attempts_of(run)) > 1, "the run to be taken over", 200)
    wait_until(lambda: not Path(f"/proc/{old}").exists(), "the old process to find that it is fenced", 60)
    cluster("revive", node)


KINDS: dict[str, tuple[Callable[[Site, RunFolder], None], tuple[str, ...]]] = {
    "preempted": (preempt, ()),
    "requeued": (requeue, ()),
    "time_limit": (time_limit, ("launch.time_min=2", "launch.warn_s=70")),
    "worker_killed": (kill_worker, ()),
    "job_killed": (kill_job, ()),
    "slurmd_killed": (lose_node, ()),
}


def check(kind: str, root: Path, reference: RunFolder) -> dict[str, object]:
    """Interrupt one run in one way, and see it to its end."""
    hurt, words = KINDS[kind]
    site = Site(root / kind, epochs=EPOCHS, rows=[("rsd",)])
    begun = time.monotonic()
    following = site.start("ablate", "--on", "slurm", *words)
    [run] = site.runs()
    wait_until(lambda: epochs_of(run) >= 5, "five epochs")
    hurt(site, run)
    try:
        out, err = following.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        os.killpg(following.pid, signal.SIGKILL)
        raise
    assert following.returncode == 0, out + err
    assert_same_bits(run, reference)
    assert_one_writer(run)
    attempts = attempts_of(run)
    return {
        "kind": kind,
        "attempts": len(attempts),
        "resumed_at": [attempt["resumed_step"] for attempt in attempts],
        "seconds": round(time.monotonic() - begun, 1),
        "same_bits": True,
    }


def main(kinds: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="an-cli-slurm-") as folder:
        root = Path(folder)
        here = Site(root / "here", epochs=EPOCHS, rows=[("rsd",)])
        here.call("ablate")
        [reference] = here.runs()
        for kind in kinds or KINDS:
            print(json.dumps(check(kind, root, reference)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
