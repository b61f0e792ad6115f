"""Whatever attempts, crashes, late writers, reruns and readers do in turn, a run folder reads back as one true record.

A crash is a process that dies within a system call: half of its bytes are written, or its rename never happened, and
nothing that it would have cleaned up is cleaned up. A late writer is one whose job was requeued while it lives on.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from an_cli.config import compose
from an_cli.errors import Fenced
from an_cli.files import read_json
from an_cli.store import (
    Claim,
    RunFolder,
    RunWriter,
    Status,
    Store,
    newest_claim,
    read_progress,
    read_run,
    read_run_and_count,
    set_aside,
    status_of,
    take,
)
from tests.store.conftest import Records

EPOCH_STEPS = 10
CALLS = ("write", "replace", "rename", "link", "unlink", "mkdir", "fsync")
CELL = compose(["norm=bn"]).cell


class Crash(BaseException):
    """The process is gone."""


@contextmanager
def dying(after: int | None) -> Iterator[None]:
    """Die within the system call after so many, and do nothing from then on; None lives."""
    left = after

    def wrap(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            if left is not None:
                left -= 1
            if left == -1 and name == "write":
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            if left is not None and left < 0:
                raise Crash
            return real(*arguments, **named)

        return call

    with mock.patch.multiple(os, **{name: wrap(name) for name in CALLS}):
        yield


@dataclass
class Attempt:
    """A process with a pen: what it has been told is written, and from which step it went on."""

    pen: RunWriter
    step: int


class History(RuleBasedStateMachine):
    """What happens to one run folder, and what must then be true of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.run: RunFolder
        self.now: Attempt | None = None  # alive and rightful, as far as it knows
        self.late: list[Attempt] = []  # alive, and replaced
        self.lines: list[tuple[int, int]] = []  # (attempt, step) of every line that its writer knows is written
        self.told: list[int] = []  # attempts that know they are recorded
        self.finished: int | None = None  # attempt that knows it has finished, until it is set aside
        self.results = 0  # acknowledged results, set aside or not
        self.crashes = 0
        self.rewound_to = 0
        self.anew = False  # a result was set aside, and nothing was begun since

    @initialize()
    def prepare(self) -> None:
        self.run = Store(Path(self.folder.name)).prepare(CELL, {"norm": "bn"})

    def teardown(self) -> None:
        self.folder.cleanup()

    def bury(self) -> None:
        """Make the newest claim a dead process's, as the system would show it."""
        path = self.run.claims / str(newest_claim(self.run))
        if path.exists():
            path.write_text(json.dumps({**json.loads(path.read_text()), "started": "1"}))

    def attempted(self, after: int | None, act: Callable[[], None]) -> bool:
        """Do something that may die underway; whether it came to its end."""
        try:
            with dying(after):
                act()
        except Crash:
            self.crashes += 1
            self.now = None
            self.bury()
            return False
        return True

    @precondition(lambda self: self.now is None)
    @rule(after=st.none() | st.integers(0, 12))
    def start(self, after: int | None) -> None:
        """As the worker does: claim, continue from the newest checkpoint, drop later metrics, record the start."""
        if status_of(self.run) is Status.FINISHED:
            return
        claims: list[Claim] = []

        def begin() -> None:
            claim = take(self.run)
            assert claim is not None, "a dead holder kept the folder"
            claims.append(claim)
            pen = RunWriter(claim)
            self.rewound_to = step = max((int(path.name) for path in self.run.checkpoints.glob("[0-9]*")), default=0)
            pen.rewind_metrics(step)
            self.lines = [(number, at) for number, at in self.lines if at <= step]
            pen.attempt(replace(Records.attempt, attempt=claim.number, resumed_step=step))
            self.now = Attempt(pen, step)

        if self.attempted(after, begin):
            self.told.append(claims[0].number)
            assert self.now is not None
            assert not (self.anew and self.now.step), "a rerun went on with old weights"
            self.anew = False
        elif claims:  # it may have died with the later lines dropped, or before
            there = {(line["attempt"], line["step"]) for line in read_run(self.run).epochs}
            self.lines = [line for line in self.lines if line[1] <= self.rewound_to or line in there]

    @precondition(lambda self: self.now is not None)
    @rule(after=st.none() | st.integers(0, 6), save=st.booleans())
    def train(self, after: int | None, save: bool) -> None:
        """One epoch: a line of metrics, perhaps a checkpoint."""
        now = self.now
        assert now is not None
        step = now.step + EPOCH_STEPS
        line = {"kind": "epoch", "attempt": now.pen.claim.number, "step": step}
        if self.attempted(after, lambda: now.pen.metrics(line)):
            self.lines.append((now.pen.claim.number, step))
            now.step = step
            if save:
                self.attempted(after, lambda: now.pen.file(self.run.checkpoints / str(step), b"weights"))

    @precondition(lambda self: self.now is not None)
    @rule(after=st.none() | st.integers(0, 8), fails=st.booleans())
    def end(self, after: int | None, fails: bool) -> None:
        now = self.now
        assert now is not None
        number = now.pen.claim.number

        def act() -> None:
            if fails:
                now.pen.fail(f"attempt {number} failed")
            else:
                now.pen.finish(replace(Records.result, attempt=number), Records.correct)
                self.finished = number
                self.results += 1
            now.pen.claim.release()

        if self.attempted(after, act):
            self.now = None

    @precondition(lambda self: self.now is not None)
    @rule()
    def lose(self) -> None:
        """Its node is taken for lost, and yet it lives on."""
        assert self.now is not None
        self.late.append(self.now)
        self.now = None
        self.bury()

    @precondition(lambda self: self.late)
    @rule(data=st.data(), deed=st.sampled_from(["metrics", "finish", "fail", "release"]))
    def write_late(self, data: st.DataObject, deed: str) -> None:
        """A late writer is refused once somebody else has the folder, and is the rightful one until then."""
        one = data.draw(st.sampled_from(self.late))
        number, before = one.pen.claim.number, self.bytes()
        replaced = newest_claim(self.run) != number
        try:
            match deed:
                case "metrics":
                    one.pen.metrics({"kind": "epoch", "attempt": number, "step": one.step + EPOCH_STEPS})
                    one.step += EPOCH_STEPS
                    self.lines.append((number, one.step))
                case "finish":
                    one.pen.finish(replace(Records.result, attempt=number), Records.correct)
                    self.finished, self.results = number, self.results + (self.finished is None)
                case "fail":
                    one.pen.fail(f"attempt {number} failed")
                case "release":
                    one.pen.claim.release()
        except Fenced:
            assert replaced
        assert not replaced or self.bytes() == before

    @precondition(lambda self: self.now is None)
    @rule(after=st.none() | st.integers(0, 14))
    def rerun(self, after: int | None) -> None:
        had = self.run.result.exists()
        moved: list[Path | None] = []
        done = self.attempted(after, lambda: moved.append(set_aside(self.run, seen=newest_claim(self.run))))
        if done:
            assert moved[0] is not None
            assert had == (moved[0] / "result.json").exists()
        if done or not self.run.metrics.exists():
            self.lines = []  # moved, whole
        if done or not self.run.attempts.exists():
            self.told = []
        if had and not self.run.result.exists():
            self.finished, self.anew = None, True

    @rule()
    def set_aside_what_lives(self) -> None:
        if self.now is not None:
            before = self.bytes()
            assert set_aside(self.run, seen=newest_claim(self.run)) is None
            assert self.bytes() == before

    def bytes(self) -> dict[str, bytes]:
        files = [path for path in self.run.path.rglob("*") if path.is_file() and not path.name.endswith(".part")]
        return {str(path): path.read_bytes() for path in files}

    @invariant()
    def reads_back_as_one_true_record(self) -> None:
        before = self.bytes()
        record = read_run(self.run)
        read_progress(self.run)
        assert read_run_and_count(self.run) == (replace(record, epochs=()), len(record.epochs))
        assert record.status is not Status.UNREADABLE
        assert record.config == CELL
        steps = [line["step"] for line in record.epochs]
        assert steps == sorted(set(steps)), "history has a double"
        there = [(line["attempt"], line["step"]) for line in record.epochs]
        assert [line for line in there if line in set(self.lines)] == self.lines
        numbers = [attempt.attempt for attempt in record.attempts]
        assert numbers == sorted(set(numbers))
        assert set(self.told) <= set(numbers)
        assert record.skipped_lines <= self.crashes
        if self.finished is not None:
            assert record.status is Status.FINISHED
            assert record.result is not None
            assert record.result.attempt == self.finished
        if self.now is not None and record.status is not Status.FINISHED:
            assert record.status is Status.RUNNING
        assert self.bytes() == before, "a reader wrote"

    @invariant()
    def no_result_is_lost(self) -> None:
        kept = [read_json(path)["attempt"] for path in self.run.archive.glob("*/result.json")]
        kept += [read_json(self.run.result)["attempt"]] if self.run.result.exists() else []
        assert len(kept) == len(set(kept))
        assert len(kept) >= self.results


History.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestHistory = History.TestCase
