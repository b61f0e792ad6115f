"""Whether a trial's owner lives: by its process here, by its job in the queue, never by a timer alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.launch.sweep.owners import Beating, Owners, beat_file
from an_cli.store import this_process
from an_cli.store.claims import Holder

ME = replace(this_process(), pid=1, started="7")


class Queue:
    """A squeue that answers what it is told to, and counts."""

    def __init__(self, out: str = "", err: str = "", status: int = 0) -> None:
        self.answer, self.calls = CommandResult(status, out, err), 0

    def __call__(self, *words: str) -> CommandResult:
        assert words[0] == "squeue"
        self.calls += 1
        return self.answer


def job(number: str, restart: int = 0) -> dict[str, Any]:
    return asdict(replace(this_process(), host="n7", boot="other", job=number, restart=restart))


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (Queue("RUNNING                 0\n"), False),
        (Queue("COMPLETING              0\n"), False),
        (Queue("PENDING                 1\n"), True),
        (Queue("RUNNING                 1\n"), True),
        (Queue("COMPLETED               0\n"), True),
        (Queue(""), True),
        (Queue(err="slurm_load_jobs error: Invalid job id specified\n", status=1), True),
        (Queue(err="Unable to contact slurm controller\n", status=1), False),
    ],
)
def test_a_job_s_worker_is_judged_by_the_queue(tmp_path: Path, answer: Queue, gone: bool) -> None:
    assert Owners(tmp_path, ME, answer).gone(job("5_1")) is gone


def test_what_was_said_of_one_start_of_a_job_is_not_said_of_the_next(tmp_path: Path) -> None:
    queue = Queue("PENDING                 1\n")
    owners = Owners(tmp_path, ME, queue)
    assert owners.gone(job("5_1"))
    queue.answer = CommandResult(0, "RUNNING                 1\n", "")
    assert owners.gone(job("5_1"))
    assert not owners.gone(job("5_1", restart=1))


def test_the_queue_is_asked_now_and_then_only(tmp_path: Path) -> None:
    queue, now = Queue("RUNNING                 0\n"), [0.0]
    owners = Owners(tmp_path, ME, queue, clock=lambda: now[0])
    for at in (0.0, 0.5, 1.9, 2.1):
        now[0] = at
        assert not owners.gone(job("5_1"))
    assert queue.calls == 2


def test_a_later_start_of_one_s_own_job_needs_no_queue(tmp_path: Path) -> None:
    owners = Owners(tmp_path, replace(ME, job="5_1", restart=2), None)
    assert owners.gone(job("5_1", restart=1))
    assert not owners.gone(job("5_1", restart=3))


def test_a_process_of_this_machine_is_looked_for(tmp_path: Path) -> None:
    code = "from dataclasses import asdict; from an_cli.store import this_process; import json, sys\n"
    code += "print(json.dumps(asdict(this_process())), flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    owner = json.loads(process.stdout.readline())
    owners = Owners(tmp_path, ME)
    assert not owners.gone(owner)
    process.stdin.close()
    process.wait()
    process.stdout.close()
    assert owners.gone(owner)


def test_a_worker_elsewhere_without_a_scheduler_lives_as_long_as_it_beats(tmp_path: Path) -> None:
    other = replace(this_process(), host="n7", boot="other", namespace="other")
    owners = Owners(tmp_path, ME)
    with Beating(tmp_path, other):
        assert not owners.gone(asdict(other))
        old = time.time() - 1000
        os.utime(beat_file(tmp_path, other), (old, old))
        assert owners.gone(asdict(other))
    assert not beat_file(tmp_path, other).exists()


def test_an_owner_of_another_version_is_not_called_dead(tmp_path: Path) -> None:
    assert not Owners(tmp_path, ME).gone({"machine": "n7"})
    assert Owners(tmp_path, ME).gone(asdict(ME)), "it asks: what it had is no longer in its hands"
    assert Holder(**asdict(ME)) == ME
