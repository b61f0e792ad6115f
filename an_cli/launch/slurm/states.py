"""What SLURM's states mean. Total: every documented state has a line, and a word that is not known means unknown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from an_cli.launch.causes import Cause


class Stage(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    ACTIVE = "active"
    OVER = "over"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Meaning:
    """A state's stage, and the cause where it is over."""

    stage: Stage
    cause: Cause | None = None


_WAITING, _ACTIVE, _UNKNOWN = Meaning(Stage.WAITING), Meaning(Stage.ACTIVE), Meaning(Stage.UNKNOWN)
# States of squeue and sacct, up to SLURM 25: job state codes, then the flags that squeue prints in their place.
MEANINGS = {
    "PENDING": _WAITING,
    "RUNNING": _ACTIVE,
    "SUSPENDED": _ACTIVE,
    "COMPLETED": Meaning(Stage.OVER, Cause.COMPLETED),
    "CANCELLED": Meaning(Stage.OVER, Cause.CANCELLED),
    "FAILED": Meaning(Stage.OVER, Cause.CRASH),
    "TIMEOUT": Meaning(Stage.OVER, Cause.TIME_LIMIT),
    "NODE_FAIL": Meaning(Stage.OVER, Cause.NODE_FAILURE),
    "PREEMPTED": Meaning(Stage.OVER, Cause.PREEMPTED),
    "BOOT_FAIL": Meaning(Stage.OVER, Cause.NODE_FAILURE),
    "DEADLINE": Meaning(Stage.OVER, Cause.TIME_LIMIT),
    "OUT_OF_MEMORY": Meaning(Stage.OVER, Cause.OUT_OF_MEMORY),
    "LAUNCH_FAILED": Meaning(Stage.OVER, Cause.NODE_FAILURE),
    "RECONFIG_FAIL": Meaning(Stage.OVER, Cause.NODE_FAILURE),
    "CONFIGURING": _WAITING,
    "COMPLETING": _ACTIVE,
    "EXPEDITING": _ACTIVE,
    "POWER_UP_NODE": _WAITING,
    "RECONFIGURING": _ACTIVE,
    "RESIZING": _ACTIVE,
    "RESV_DEL_HOLD": _WAITING,
    "REQUEUED": _WAITING,
    "REQUEUE_FED": _WAITING,
    "REQUEUE_HOLD": _WAITING,
    "SIGNALING": _ACTIVE,
    "SPECIAL_EXIT": _WAITING,
    "STAGE_OUT": _ACTIVE,
    "STOPPED": _ACTIVE,
    "UPDATE_DB": _ACTIVE,
    # Moved to a sibling of a federation: it goes on there, under the same id, where this cluster cannot see it.
    "REVOKED": _UNKNOWN,
}
HELD_STATES = frozenset({"REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_HELD_REASONS = ("JobHeldAdmin", "JobHeldUser", "launch failed requeued held", "job requeued in held state")
# Reasons of squeue for a job that will never start as it is -> what to change. A part of the reason's word is enough.
NEVER_REASONS = {
    "DependencyNeverSatisfied": "",
    "BadConstraints": "launch.constraint, launch.mem or launch.gpus_per_node",
    "PartitionTimeLimit": "launch.time_min",
    "MaxWallDuration": "launch.time_min",
    "PartitionNodeLimit": "launch.nodes",
    "MaxNodePerJob": "launch.nodes",
    "MaxCpuPerJob": "launch.cpus_per_task",
    "MaxCPUPerJob": "launch.cpus_per_task",
    "MaxMemoryPerJob": "launch.mem",
    "MaxMemPerLimit": "launch.mem",
    "MaxGRESPerJob": "launch.gpus_per_node",
    "MaxCpuMinutesPerJob": "launch.time_min",
    "MaxGRESMinutesPerJob": "launch.time_min",
    "InvalidAccount": "launch.account",
    "AccountNotAllowed": "launch.account",
    "InvalidQOS": "launch.qos",
    "QOSNotAllowed": "launch.qos",
    "Reservation was deleted": "launch.sbatch",
    "ReservationDeleted": "launch.sbatch",
}


def never_starts(reason: str) -> str | None:
    """What to change for a job that will never start as it is; None for one that may."""
    return next((change for word, change in NEVER_REASONS.items() if word.lower() in reason.lower()), None)


def meaning(state: str) -> Meaning:
    """What a state says; `CANCELLED by 123`, `CANCELLED+` and `OUT_OF_ME+` are read as what they abbreviate."""
    word = state.strip().upper().partition(" ")[0]
    if word in MEANINGS:
        return MEANINGS[word]
    if word.endswith("+") and len(word) > 4:
        full = [name for name in MEANINGS if name.startswith(word[:-1])]
        if len({MEANINGS[name] for name in full}) == 1:
            return MEANINGS[full[0]]
    return _UNKNOWN


def is_held(state: str, reason: str) -> bool:
    """Whether a waiting job waits for somebody to release it."""
    words = reason.strip("()").replace("_", " ").lower()
    return state in HELD_STATES or any(held.lower() in words for held in _HELD_REASONS)
