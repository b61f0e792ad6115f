"""The heavy door as its callers see it: exit statuses, the warm worker's protocol, costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from an_cli.config import Composer, plain
from an_cli.store import RunFolder, Status, read_run, status_of
from tests.tiny import TINY

DOOR = [sys.executable, "-m", "an_cli.worker"]
LONG = ("recipe.epochs=2000", "recipe.warmup_epochs=1", "data.train_samples=400")


class Warm:
    """A warm worker under test."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([*DOOR, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.next() == {"event": "ready"}

    def next(self) -> dict:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, run: RunFolder | Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"run": str(getattr(run, "path", run))}) + "\n")
        self.process.stdin.flush()

    def exits(self, count: int) -> dict[str, int]:
        found: dict[str, int] = {}
        while len(found) < count:
            event = self.next()
            if event["event"] == "exited":
                found[Path(event["run"]).name] = event["exit"]
        return found


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    """One worker for all tests, as one study has: starting it costs seconds."""
    worker = Warm()
    yield worker
    if worker.process.poll() is None:
        worker.process.kill()
        worker.process.wait()
    for stream in (worker.process.stdin, worker.process.stdout):
        if stream is not None and not stream.closed:
            stream.close()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


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


def test_a_stopped_worker_saves_its_runs_and_they_go_on_later(warm: Warm, make_run: Callable) -> None:
    # The last test of this file: it ends the worker that the others share.
    run = make_run(overrides=LONG)
    warm.ask(run)
    wait_for(lambda: run.metrics.exists())
    warm.process.send_signal(signal.SIGTERM)
    assert warm.exits(1) == {run.id: 128 + signal.SIGTERM}
    assert warm.process.wait(60) == 128 + signal.SIGTERM
    assert status_of(run) is Status.INTERRUPTED
    assert list(run.checkpoints.glob("step-*.pt"))
