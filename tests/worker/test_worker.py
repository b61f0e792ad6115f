"""The heavy door as its callers see it: exit statuses, the warm worker's protocol, costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from an_cli.config import Composer, plain
from an_cli.launch.prepare import write_job
from an_cli.store import Holder, Status, ask_to_stop, read_run, status_of, take, this_process
from an_cli.store.endings import Exit
from an_cli.train import StopFlag, read_launch
from an_cli.worker.run import Account, _beat, run_rank
from tests.launch.fake_door import finish
from tests.tiny import TINY
from tests.warm import Warm, wait_for, warm_worker
from tests.warm_door import warm_door

DOOR = warm_door()
LONG = ("recipe.epochs=2000", "recipe.warmup_epochs=1", "data.train_samples=400")


def test_the_warm_worker_runs_each_request_in_its_own_process(warm: Warm, make_run: Callable, tmp_path: Path) -> None:
    good = [make_run(overrides=[f"seed={seed}"]) for seed in (0, 1)]
    diverges = make_run(overrides=["recipe.lr=1e30", "recipe.warmup_epochs=0"])
    nonsense = tmp_path / "nonsense"
    nonsense.mkdir()
    for run in (*good, diverges, nonsense):
        warm.ask(run)
    assert warm.exits(4) == {good[0].id: 0, good[1].id: 0, diverges.id: 1, "nonsense": 1}
    assert [status_of(run) for run in good] == [Status.FINISHED] * 2
    assert "loss is" in (read_run(diverges).error or "")
    assert "finished: top-1 error" in good[0].log.read_text()
    warm.ask(good[0])
    assert warm.exits(1) == {good[0].id: 75}, "a finished run is not run again"


def test_a_run_that_its_launch_stops_after_an_epoch_is_paused_and_continues(warm: Warm, make_run: Callable) -> None:
    run = make_run()
    launch = read_launch(run)
    write_job(run, replace(launch, stop_after_epochs=1), on="local")
    warm.ask(run)
    assert warm.exits(1) == {run.id: Exit.PAUSED}
    assert status_of(run) is Status.PAUSED
    write_job(run, launch, on="local")
    warm.ask(run)
    assert warm.exits(1) == {run.id: 0}


def test_a_run_that_another_process_holds_is_left_to_it(warm: Warm, make_run: Callable) -> None:
    run = make_run(overrides=LONG)
    warm.ask(run)
    wait_for(lambda: run.metrics.exists())
    assert status_of(run) is Status.RUNNING
    warm.ask(run)
    assert warm.exits(1) == {run.id: 75}
    os.kill(read_run(run).attempts[0].pid, signal.SIGKILL)
    assert warm.exits(1) == {run.id: -signal.SIGKILL}
    assert status_of(run) is Status.INTERRUPTED, "its holder is gone, and that is seen at once"


def test_a_run_that_another_finishes_between_the_look_and_the_claim_is_not_run_again(make_run: Callable) -> None:
    run = make_run()

    def holder() -> Holder:
        finish(run)
        return this_process()

    assert run_rank(run, Account(make_stop=StopFlag, holder=holder)) == Exit.BUSY
    assert not run.attempts.exists()
    assert status_of(run) is Status.FINISHED


def test_costs_are_answered_line_by_line_and_a_bad_network_does_not_hide_the_others(composer: Composer) -> None:
    cells = {
        "best": composer.compose([]).cell,
        "odd stem": composer.compose([*TINY, "recipe.stem=deep3x3", "model.stem_width=5"]).cell,
        "bn": composer.compose(["norm=bn"]).cell,
    }
    lines = "\n".join(json.dumps({"key": key, "config": plain(cell)}) for key, cell in cells.items())
    done = subprocess.run([*DOOR, "cost"], input=lines, capture_output=True, text=True, check=True)
    answers = {answer["key"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert answers["best"] == {"key": "best", "params": 25_755_420, "macs": 4_089_252_736}
    assert answers["bn"]["params"] == 25_557_032
    assert "model.stem_width" in answers["odd stem"]["error"]["where"]


def test_unknown_words_are_usage_errors() -> None:
    done = subprocess.run([*DOOR, "walk"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr


def test_a_stopped_worker_saves_its_runs_and_they_go_on_later(make_run: Callable) -> None:
    run = make_run(overrides=LONG)
    with warm_worker() as warm:
        warm.ask(run)
        wait_for(lambda: run.metrics.exists())
        warm.process.send_signal(signal.SIGTERM)
        assert warm.exits(1) == {run.id: 128 + signal.SIGTERM}
        assert warm.process.wait(60) == 128 + signal.SIGTERM
    assert status_of(run) is Status.INTERRUPTED
    assert list(run.checkpoints.glob("step-*.pt"))


def test_what_a_library_prints_is_no_answer() -> None:
    """As C code does, past Python's own stream."""
    code = (
        "import os, sys; from an_cli.worker import __main__ as door; own = door._answers(); "
        "os.write(1, b'stray'); print('an answer', file=own, flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("an answer\n", "stray")


def test_a_beat_that_finds_the_wish_to_stop_sends_no_second_signal(make_run: Callable, monkeypatch: Any) -> None:
    """`cancel` has sent the first; a second one would end the process before it has saved."""
    run = make_run()
    claim = take(run)
    assert claim is not None
    ask_to_stop(run)
    sent: list[int] = []
    monkeypatch.setattr("an_cli.worker.run.HEARTBEAT_S", 0.001)
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
    stop = StopFlag()
    stop.received = signal.SIGTERM
    _beat(claim, stop, threading.Event())
    assert sent == []
    _beat(claim, StopFlag(), threading.Event())
    assert sent == [signal.SIGTERM]
