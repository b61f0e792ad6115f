"""What every tracker owes to a run: a class of tests that each tracker inherits, with one fixture of its own."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from an_cli.config import compose, plain
from tests.tracking.shown import Shown

CONFIG = {
    "model": {"family": "resnet", "widths": [4, 8]},
    "norm": {"attention": {"gate": "softmax", "components": [10, 20]}, "groups": None},
    "recipe": {"lr": 0.1},
    "seed": 0,
}
HEAD = {
    "id": "0123456789abcdef", "name": "RSD + A2, \u03bb", "study": "table1", "group": "table1/resnet50",
    "tags": ["norm=bn", "baseline"], "notes": "for the rebuttal", "config": CONFIG,
}  # fmt: skip
RUNNING = {"known_as": "", "goes_on": False}
Deed = Sequence[Any]


def point(step: int) -> Deed:
    """Numbers that no other step has; every fourth step ends an epoch."""
    epoch = {"train/epoch_loss": 2 / (step + 1), "eval/top1_error_pct": 50.5 - step} if step % 4 == 0 else {}
    return ["log", step, {"train/loss": 1 / (step + 1), "train/lr": 0.1, "epoch": step / 4, **epoch}]


def points(first: int, last: int) -> list[Deed]:
    return [point(step) for step in range(first, last + 1)]


def png() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), "red").save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def close(exit_status: int = 0, *, over: bool = True, preempted: bool = False, **more: Any) -> Deed:
    words = {"over": over, "exit_status": exit_status, "preempted": preempted, "facts": {}, "pictures": {}, "files": []}
    return ["close", {**words, **more}]


class Player:
    """One process that plays trackers' parts, each play in a process of its own."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.tracking.play"],
            env={**environment, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._next() == {"ready": True}

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the player is gone"
        return dict(json.loads(line))

    def __call__(self, play: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(play) + "\n")
        self._process.stdin.flush()
        return self._next()

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@dataclass
class Stage:
    """A tracker on trial: how it is played, and how what it shows is read back.

    `show` gives what is shown of the run with an id there; None: the only one.
    """

    player: Player
    launch: Mapping[str, Any]
    folder: Path
    show: Callable[[str | None], Shown]
    environment: Mapping[str, str] = field(default_factory=dict)
    keeps: Callable[[Mapping[str, float]], Mapping[str, float]] = dict
    named: Callable[[str], str] = str
    init_s: float = 30.0
    seen_after_s: float = 2.5

    def play(self, *deeds: Deed, head: Mapping[str, Any] = HEAD, dies: bool = False) -> dict[str, Any]:
        """Perform deeds in a process; returns what `open` gave."""
        play = {
            "launch": self.launch,
            "folder": str(self.folder),
            "environment": dict(self.environment),
            "init_s": self.init_s,
        }
        answer = self.player({**play, "head": head, "deeds": deeds})
        assert answer.pop("exit") == (-9 if dies else 0), answer
        return answer

    def expected(self, first: int, last: int) -> list[tuple[int, Mapping[str, float]]]:
        return [(step, self.keeps(values)) for _, step, values in points(first, last)]


class TrackerContract:
    """Inherit it, and give the fixture `stage`."""

    @pytest.fixture
    def stage(self) -> Stage:
        raise NotImplementedError

    def test_a_run_is_shown_as_it_was_given(self, stage: Stage) -> None:
        facts = {"last/top1_error_pct": 30.25, "params": 1000, "device": "paper"}
        pictures = {"mixture/gamma": png()}
        opened = stage.play(["open", RUNNING], *points(1, 8), ["tend"], close(facts=facts, pictures=pictures))
        assert opened["next_step"] == 0
        shown = stage.show(None)
        assert (shown.id, shown.name, shown.group) == (HEAD["id"], stage.named(HEAD["name"]), HEAD["group"])
        assert (shown.notes, shown.job_type) == (HEAD["notes"], "train")
        assert sorted(shown.tags) == sorted(HEAD["tags"])
        assert shown.config == CONFIG
        assert shown.points == stage.expected(1, 8)
        assert (shown.state, shown.exit_status) == ("finished", 0)
        assert {key: shown.facts[key] for key in facts} == facts
        assert shown.pictures == {"mixture/gamma"}

    def test_a_second_opening_shows_every_step_once(self, stage: Stage) -> None:
        stage.play(["open", RUNNING], *points(1, 5), close(143, preempted=True))
        second = stage.play(["open", RUNNING], *points(1, 9), close())
        assert second["next_step"] in (0, 6)
        shown = stage.show(None)
        assert shown.points == stage.expected(1, 9)
        assert shown.state == "finished"

    def test_mirrors_that_are_killed_again_and_again_show_every_step_once(self, stage: Stage) -> None:
        for last in (2, 5):
            stage.play(["open", RUNNING], *points(1, last), ["wait", 0.7], ["tend"], ["die"], dies=True)
        stage.play(["open", RUNNING], *points(1, 7), close())
        assert stage.show(None).points == stage.expected(1, 7)

    def test_a_live_run_is_seen_before_its_end(self, stage: Stage) -> None:
        stage.play(["open", RUNNING], *points(1, 3), ["tend"], ["wait", stage.seen_after_s], ["die"], dies=True)
        shown = stage.show(None)
        assert shown.points == stage.expected(1, 3)
        assert shown.state == "running"
        assert shown.config == CONFIG

    @pytest.mark.parametrize(
        ("ended", "state"),
        [
            (close(1, facts={"cause": "TrainingDiverged: nan"}), "failed"),
            (close(143, preempted=True), "preempted"),
            (close(0, over=False), "running"),
        ],
        ids=["failed", "preempted", "left going"],
    )
    def test_the_end_is_shown(self, stage: Stage, ended: Deed, state: str) -> None:
        stage.play(["open", {"known_as": "", "goes_on": not ended[1]["over"]}], *points(1, 2), ended)
        shown = stage.show(None)
        assert shown.state == state
        assert shown.facts.get("cause", "") == ended[1]["facts"].get("cause", "")
        assert shown.points == stage.expected(1, 2)

    def test_two_runs_are_two(self, stage: Stage) -> None:
        stage.play(["open", RUNNING], *points(1, 2), close())
        other = {**HEAD, "id": "f" * 16, "name": "mean", "tags": []}
        stage.play(["open", RUNNING], *points(1, 3), close(1), head=other)
        assert stage.show(HEAD["id"]).points == stage.expected(1, 2)
        assert (stage.show("f" * 16).name, stage.show("f" * 16).tags) == ("mean", ())
        assert stage.show("f" * 16).points == stage.expected(1, 3)

    def test_a_name_is_no_path(self, stage: Stage) -> None:
        odd = {**HEAD, "name": "../../K=(10,20)/\u03bb? *", "study": "../t"}
        stage.play(["open", RUNNING], *points(1, 2), close(), head=odd)
        assert stage.show(None).points == stage.expected(1, 2)
        outside = [path for path in stage.folder.parent.iterdir() if path not in (stage.folder, stage.player.home)]
        assert not outside


def launch_words(**changes: Any) -> dict[str, Any]:
    """Launch settings as an order holds them, with some changed."""
    composed = plain(compose([]).launch)
    wandb = {**composed["wandb"], "project": "p", **changes.pop("wandb", {})}
    return {**composed, **changes, "wandb": wandb}
