"""The best test of the suite: interrupted equals uninterrupted, bit for bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from an_cli.errors import DataError
from an_cli.files import append_line, read_json, read_json_lines
from an_cli.launch.prepare import write_job
from an_cli.store import RunFolder, code_tree, is_current, read_result
from an_cli.train import Interrupted, Paused, StopFlag, loop, read_launch
from an_cli.train import checkpoint as checkpoints
from an_cli.train.checkpoint import load_best, load_newest, saved_states

WALL_CLOCK = ("elapsed_s",)


def numbers(run: RunFolder) -> list[dict]:
    lines, skipped = read_json_lines(run.metrics)
    assert skipped == 0
    return [{key: value for key, value in line.items() if key not in WALL_CLOCK} for line in lines]


def assert_same_run(run: RunFolder, other: RunFolder) -> None:
    state, expected = load_newest(run), load_newest(other)
    assert state is not None
    assert expected is not None
    for name, value in expected["model"].items():
        assert torch.equal(state["model"][name], value), name
    for index, buffers in expected["optimizer"]["state"].items():
        assert torch.equal(state["optimizer"]["state"][index]["momentum_buffer"], buffers["momentum_buffer"])
    assert numbers(run) == numbers(other)
    assert run.per_sample.read_bytes() == other.per_sample.read_bytes()
    assert run.mixture.read_bytes() == other.mixture.read_bytes()
    ours, theirs = read_result(run), read_result(other)
    assert (ours.last, ours.best, ours.steps) == (theirs.last, theirs.best, theirs.steps)
    best = load_best(run, ours.best.epoch)["model"]
    for name, value in load_best(other, theirs.best.epoch)["model"].items():
        assert torch.equal(best[name], value), name


class StopAfter(StopFlag):
    """A stop signal that arrives when so many looks at the flag have been taken."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    @property
    def received(self) -> int | None:
        self._looks -= 1
        return 15 if self._looks < 0 else None

    @received.setter
    def received(self, value: int | None) -> None:
        pass


MIXUP = ("recipe.mixup_alpha=0.2", "recipe.label_smoothing=0.1")
RECIPES = {
    "plain": (),
    "mixup": MIXUP,
    "replicas": ("recipe.replicas=2", "recipe.batch_per_replica=5", *MIXUP),
    "bf16": ("recipe.precision=bf16",),
    "dropout": (
        "model=mobilenet_small",
        "model.widths=[8,8,8,8,8,8,8]",
        "model.stem_width=8",
        "norm.attention.components=[2,2,2,2,2,2,2]",
    ),
    "gn": ("norm=an_gn", "norm.groups=2", "norm.attention.components=[2,2,3,3]"),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_stopped_again_and_again_ends_with_the_same_bits(
    make_run: Callable, train: Callable, recipe: str
) -> None:
    whole, pieces = make_run("whole", RECIPES[recipe]), make_run("pieces", RECIPES[recipe])
    train(whole)
    for looks in (0, 2, 3, 1):
        with pytest.raises(Interrupted):
            train(pieces, StopAfter(looks))
    train(pieces)
    assert_same_run(pieces, whole)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_paused_after_every_epoch_ends_with_the_same_bits(
    make_run: Callable, train: Callable, recipe: str
) -> None:
    whole, pieces = make_run("whole", RECIPES[recipe]), make_run("pieces", RECIPES[recipe])
    train(whole)
    launch = read_launch(pieces)
    for epochs in (1, 2):
        write_job(pieces, replace(launch, stop_after_epochs=epochs), on="local")
        for _ in range(2):  # asked again it has nothing to do
            with pytest.raises(Paused, match=f"after epoch {epochs}"):
                train(pieces)
        assert [line["epoch"] for line in numbers(pieces) if line["kind"] == "epoch"] == list(range(epochs))
    write_job(pieces, launch, on="local")
    train(pieces)
    assert_same_run(pieces, whole)


def test_a_run_that_continues_what_other_code_began_is_not_of_the_installed_code(
    make_run: Callable, train: Callable
) -> None:
    begun, alone = make_run("begun"), make_run("alone")
    for run in (begun, alone):
        with pytest.raises(Interrupted):
            train(run, StopAfter(2))
    begun.attempts.write_text(begun.attempts.read_text().replace(code_tree(), "0" * 16))
    for run in (begun, alone):
        train(run)
    assert read_result(begun).code_trees == (code_tree(), "0" * 16)
    assert not is_current(read_result(begun).code_trees)
    assert read_result(alone).code_trees == (code_tree(),)
    assert is_current(read_result(alone).code_trees)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_run_stopped_at_the_end_of_any_epoch_ends_with_the_same_bits(
    make_run: Callable, train: Callable, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    whole, pieces = make_run("whole"), make_run("pieces")
    train(whole)

    def save_and_die(self: loop.Loop) -> None:
        original(self)
        if self.state.step == (epoch + 1) * self.epoch_steps:
            raise KeyboardInterrupt

    original = loop.Loop._save
    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(pieces)
    assert not pieces.result.exists()
    train(pieces)
    assert_same_run(pieces, whole)


def test_a_run_killed_between_the_metrics_and_the_checkpoint_has_no_line_twice(
    make_run: Callable, train: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, pieces = make_run("whole"), make_run("pieces")
    train(whole)

    def die(self: loop.Loop) -> None:
        if self.state.step == 2 * self.epoch_steps:
            raise KeyboardInterrupt
        original(self)

    original = loop.Loop._save
    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_save", die)
        with pytest.raises(KeyboardInterrupt):
            train(pieces)
    train(pieces)
    assert_same_run(pieces, whole)


@pytest.mark.parametrize("damage", [b"", b"cut", None])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
    make_run: Callable, train: Callable, damage: bytes | None
) -> None:
    whole, pieces = make_run("whole"), make_run("pieces")
    train(whole)
    with pytest.raises(Interrupted):
        train(pieces, StopAfter(8))
    newest, before = saved_states(pieces, "step")
    if damage is None:
        raw = bytearray(newest.path.read_bytes())
        raw[len(raw) // 2] ^= 1
        damage = bytes(raw)
    newest.path.write_bytes(damage)
    state = load_newest(pieces)
    assert state is not None
    assert state["step"] == before.number
    train(pieces)
    assert_same_run(pieces, whole)


def test_two_generations_of_state_are_kept_and_one_when_finished(make_run: Callable, train: Callable) -> None:
    run = make_run()
    with pytest.raises(Interrupted):
        train(run, StopAfter(10))
    assert len(saved_states(run, "step")) == checkpoints.GENERATIONS
    train(run)
    assert len(saved_states(run, "step")) == 1
    assert [saved.number for saved in saved_states(run, "best")] == [read_result(run).best.epoch]


def test_the_data_may_not_change_between_two_attempts(make_run: Callable, train: Callable) -> None:
    run = make_run()
    with pytest.raises(Interrupted):
        train(run, StopAfter(2))
    line = read_json_lines(run.attempts)[0][0]
    append_line(run.attempts, {**line, "eval_fingerprint": "0" * 64})
    with pytest.raises(DataError, match="not the one that attempt 1 trained on"):
        train(run)


def test_a_finished_run_stays_within_twelve_files_and_200_kb_besides_checkpoints(
    make_run: Callable, train: Callable
) -> None:
    run = make_run()
    train(run)
    files = [path for path in run.path.rglob("*") if path.is_file() and run.checkpoints not in path.parents]
    assert len(files) <= 12
    assert sum(path.stat().st_size for path in files) <= 200_000
    assert read_json(run.result)["last"]["samples"] == 20


def test_a_run_that_changes_the_path_of_its_attentive_layers_records_both_and_says_so(
    make_run: Callable, train: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run()
    paths = iter(("composed", "fused (here)"))
    monkeypatch.setattr(sys.modules["an_cli.train.attempt"], "path_of", lambda *_: next(paths))
    with pytest.raises(Interrupted):
        train(run, StopAfter(2))
    assert not [entry for entry in caplog.records if "attentive" in entry.message]
    train(run)
    lines, _ = read_json_lines(run.attempts)
    assert [line["norm_path"] for line in lines] == ["composed", "fused (here)"]
    assert "attentive layers run fused (here) from here on, and ran composed before" in caplog.text
