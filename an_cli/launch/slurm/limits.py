"""What this cluster allows, asked once per command from `scontrol show config`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from an_cli.launch.slurm.scheduler import Scheduler

DEFAULT_MAX_ARRAY = 1001  # SLURM's own
_LINE = re.compile(r"^(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster's settings.

    Attributes:
        max_array: elements that an array may have: MaxArraySize is a cap on the index, which starts at 0 here. 0: the
            cluster takes no arrays.
        accounting: whether sacct has anything to say.
        requeue: whether a job may be requeued.
        preempt_warns: whether a job that is preempted gets the signal of its own `--signal` before SIGTERM.
        answered: whether the cluster has said all this; else these are SLURM's defaults.
    """

    name: str
    version: str
    max_array: int
    accounting: bool
    requeue: bool
    kill_wait_s: int
    preempt_mode: str
    preempt_warns: bool
    answered: bool


def ask_cluster(scheduler: Scheduler) -> Cluster:
    """The settings of the cluster; SLURM's defaults where it gives no answer."""
    answer = scheduler("scontrol", "show", "config")
    return read_config(answer.out if answer.status == 0 else "")


def read_config(text: str) -> Cluster:
    """Read what `scontrol show config` prints; what is missing or odd becomes SLURM's default."""
    settings = {match[1]: match[2] for match in _LINE.finditer(text)}
    return Cluster(
        name=settings.get("ClusterName", ""),
        version=settings.get("SLURM_VERSION", ""),
        max_array=_number(settings.get("MaxArraySize", ""), DEFAULT_MAX_ARRAY),
        accounting=not settings.get("AccountingStorageType", "").endswith("none") if settings else True,
        requeue=_number(settings.get("JobRequeue", ""), 1) != 0,
        kill_wait_s=_number(settings.get("KillWait", ""), 30),
        preempt_mode=settings.get("PreemptMode", ""),
        preempt_warns="preempt_send_user_signal" in settings.get("SlurmctldParameters", "").split(","),
        answered=bool(settings),
    )


def _number(text: str, default: int) -> int:
    match = re.match(r"\d+", text)
    return int(match[0]) if match else default
