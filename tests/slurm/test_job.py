"""A job's process, without a cluster: what it is told it hands on; it requeues itself only where SLURM would not."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.store import RunFolder, Submission, read_holder, take_submission
from tests.slurm.harness import epochs_of, wait_until
from tests.warm_door import warm_door

TOKEN = "0123456789ab"
LONG = ["recipe.epochs=400", "launch.checkpoint_interval_s=0.2"]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """SLURM's commands as far as a job calls them; each call is written down."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, answer in (("scontrol", ""), ("squeue", "echo 1:00:00")):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/calls\n{answer}\n')
        (folder / name).chmod(0o755)
    return folder


def submitted(run: RunFolder, token: str = TOKEN, number: int = 1) -> RunFolder:
    assert take_submission(run, Submission(number=number, token=token, task=0, after=()))
    return run


def start(tools: Path, *runs: RunFolder, restart: int = 0) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "AN_CLI_TOKEN": TOKEN,
        "SLURM_ARRAY_JOB_ID": "12",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_RESTART_COUNT": str(restart),
    }
    command = [*warm_door(), "job", *(str(run.path) for run in runs)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def calls(tools: Path) -> list[str]:
    path = tools / "calls"
    return [line for line in path.read_text().splitlines() if line.startswith("scontrol")] if path.exists() else []


@pytest.mark.parametrize(
    ("numbers", "status", "requeued"),
    [
        ((signal.SIGUSR2,), 75, True),
        ((signal.SIGCONT, signal.SIGTERM), 128 + signal.SIGTERM, False),
        ((signal.SIGUSR1, signal.SIGTERM), 128 + signal.SIGTERM, False),
    ],
)
def test_a_told_job_saves_every_run_and_requeues_itself_only_after_a_warning(
    make_run: Callable[..., RunFolder], tools: Path, numbers: tuple[int, ...], status: int, requeued: bool
) -> None:
    runs = [submitted(make_run(overrides=[*LONG, f"seed={seed}"])) for seed in (0, 1)]
    job = start(tools, *runs)
    wait_until(lambda: all(epochs_of(run) for run in runs), "both runs to be at work")
    for number in numbers:
        job.send_signal(number)
    _, said = job.communicate(timeout=60)
    assert job.returncode == status, said
    assert calls(tools) == (["scontrol requeue 12_3"] if requeued else [])
    for run in runs:
        holder = read_holder(run)
        assert holder is not None
        assert (holder.job, holder.submission, holder.restart) == ("12_3", 1, 0)
        assert holder.left.startswith("stopped by signal")
        assert not run.error.exists()


def test_a_run_that_is_killed_goes_on_in_its_job_and_its_neighbour_does_not_notice(
    make_run: Callable[..., RunFolder], tools: Path
) -> None:
    runs = [submitted(make_run(overrides=["recipe.epochs=20", f"seed={seed}"])) for seed in (0, 1)]
    job = start(tools, *runs)
    wait_until(lambda: all(epochs_of(run) for run in runs), "both runs to be at work")
    holder = read_holder(runs[0])
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    _, said = job.communicate(timeout=120)
    assert job.returncode == 0, said
    assert all(run.result.exists() for run in runs)
    assert len(runs[0].attempts.read_text().splitlines()) == 2
    assert len(runs[1].attempts.read_text().splitlines()) == 1


def test_a_job_that_a_newer_submission_has_superseded_does_nothing(
    make_run: Callable[..., RunFolder], tools: Path
) -> None:
    run = submitted(make_run(), token="f" * 12)
    job = start(tools, run)
    job.communicate(timeout=60)
    assert job.returncode == 0
    assert not run.attempts.exists()
    assert "superseded" in run.log.read_text()
