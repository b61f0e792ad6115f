"""Every state that SLURM documents has a meaning, and what is not understood is unknown, never over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.launch.causes import Cause
from an_cli.launch.slurm.states import MEANINGS, Stage, is_held, meaning

# squeue(1) and sacct(1) of SLURM 22.05 to 25.05: job state codes, then flags.
DOCUMENTED = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "LAUNCH_FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PENDING",
    "PREEMPTED",
    "RECONFIG_FAIL",
    "RUNNING",
    "SUSPENDED",
    "TIMEOUT",
    "COMPLETING",
    "CONFIGURING",
    "EXPEDITING",
    "POWER_UP_NODE",
    "RECONFIGURING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESIZING",
    "RESV_DEL_HOLD",
    "REVOKED",
    "SIGNALING",
    "SPECIAL_EXIT",
    "STAGE_OUT",
    "STOPPED",
    "UPDATE_DB",
]


@pytest.mark.parametrize("state", DOCUMENTED)
def test_a_documented_state_has_a_meaning(state: str) -> None:
    assert state in MEANINGS
    assert (meaning(state).cause is None) is (meaning(state).stage is not Stage.OVER)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("CANCELLED by 1000", Cause.CANCELLED),
        ("CANCELLED+", Cause.CANCELLED),
        ("OUT_OF_ME+", Cause.OUT_OF_MEMORY),
        ("NODE_FAIL", Cause.NODE_FAILURE),
        (" TIMEOUT ", Cause.TIME_LIMIT),
        ("preempted", Cause.PREEMPTED),
    ],
)
def test_a_state_is_read_however_it_is_printed(said: str, cause: Cause) -> None:
    assert meaning(said).cause is cause


@pytest.mark.parametrize("said", ["", "DEFERRED", "COMP+", "RE+", "???", "PENDINGS", "None", "1"])
def test_what_is_not_understood_is_unknown(said: str) -> None:
    assert meaning(said).stage is Stage.UNKNOWN


@given(st.text())
def test_no_text_breaks_the_reader(said: str) -> None:
    assert meaning(said).stage in Stage


@pytest.mark.parametrize(
    ("state", "reason", "held"),
    [
        ("PENDING", "JobHeldUser", True),
        ("PENDING", "(launch failed requeued held)", True),
        ("PENDING", "launch_failed_requeued_held", True),
        ("SPECIAL_EXIT", "None", True),
        ("PENDING", "Resources", False),
        ("PENDING", "BeginTime", False),
    ],
)
def test_a_held_job_is_known(state: str, reason: str, held: bool) -> None:
    assert is_held(state, reason) is held
