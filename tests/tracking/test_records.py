"""A run's records as trackers take them: points, head, and how a run stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from an_cli.config import compose
from an_cli.errors import StoreError
from an_cli.files import read_json, write_json
from an_cli.store import RunFolder, Store, take
from an_cli.store.study_rows import StudyRow, write_study_rows
from an_cli.tracking.pictures import as_images, mixture_pictures
from an_cli.tracking.records import Points, finish_of, head_of, images_per_step
from tests.store.conftest import Records

SECRET = "hunter2-hunter2-hunter2"


def line(kind: str, step: int, **more: Any) -> dict[str, Any]:
    """A line of a schedule of two epochs of four steps."""
    return {"kind": kind, "step": step, "steps": 8, "epochs": 2, "epoch": (step - 1) // 4, **more}


def test_a_step_and_the_epoch_that_ends_there_are_one_point() -> None:
    points = Points(16)
    assert [point.step for point in points.feed([line("step", 2, loss=0.5, lr=0.1)])] == [2]
    assert points.feed([line("step", 4, loss=0.25, lr=0.1)]) == []
    (point,) = points.feed([line("epoch", 4, loss=0.4, lr=0.1, eval_loss=0.6, top1_error_pct=30.0)])
    assert point.step == 4
    assert point.values == {
        "train/loss": 0.25, "train/epoch_loss": 0.4, "train/lr": 0.1, "eval/loss": 0.6, "eval/top1_error_pct": 30.0,
        "epoch": 1.0,
    }  # fmt: skip


def test_how_lines_are_cut_into_readings_changes_no_point() -> None:
    lines = [line("step", step, loss=1 / step, elapsed_s=step / 3) for step in (1, 2, 3, 4)]
    lines += [line("epoch", 4, loss=0.5), *(line("step", step, loss=1 / step, elapsed_s=step / 3) for step in (6, 8))]
    lines += [line("epoch", 8, loss=0.25)]
    at_once, by_line = Points(16), Points(16)
    assert at_once.feed(lines) == [point for each in lines for point in by_line.feed([each])]


def test_an_epoch_line_alone_is_a_point() -> None:
    (point,) = Points(16).feed([line("epoch", 8, loss=0.5)])
    assert (point.step, point.values) == (8, {"train/epoch_loss": 0.5, "epoch": 2.0})


def test_the_speed_is_of_training_alone() -> None:
    lines = [line("step", step, loss=1.0, elapsed_s=seconds) for step, seconds in [(1, 1.0), (3, 2.0), (5, 9.0)]]
    speeds = [point.values.get("train/images_per_s") for point in Points(16).feed(lines)]
    assert speeds == [None, 32.0, None]  # between 3 and 5 lies an evaluation
    assert images_per_step({"recipe": {"replicas": 2, "batch_per_replica": 8}}) == 16


def test_what_is_no_number_is_left_out() -> None:
    (point,) = Points(16).feed([line("epoch", 4, loss=None, note="text", top1_error_pct=1.5)])
    assert point.values == {"eval/top1_error_pct": 1.5, "epoch": 1.0}


@pytest.fixture
def run(make_run: Callable[..., RunFolder]) -> RunFolder:
    return make_run()


def launch(*words: str) -> Any:
    return compose(["launch.tracking=wandb", *words]).launch


def test_the_head_says_whose_row_a_run_is(run: RunFolder) -> None:
    store = Store(run.path.parent.parent)
    store.link("table1", "mean", run)
    store.link("other", "second", run)
    row = StudyRow(group="resnet50", baseline=True, varies=("norm.attention.squeeze=mean",))
    write_study_rows(store, "table1", {run.id: row})
    head = head_of(run, launch("launch.wandb.tags=[paper]", "launch.wandb.notes=hello"), "table1")
    assert (head.id, head.name, head.study, head.group) == (run.id, "mean", "table1", "table1/resnet50")
    assert head.tags == ("norm.attention.squeeze=mean", "baseline", "paper")
    assert head.notes == "hello"
    assert head.config == read_json(run.cell)["config"]
    assert head_of(run, launch(), "other").name == "second"


def test_a_run_of_no_study_goes_by_its_id(run: RunFolder) -> None:
    head = head_of(run, None)
    assert (head.name, head.study, head.group, head.tags) == (run.id, "", "", ())


def test_no_secret_is_in_a_head(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    store = Store(run.path.parent.parent)
    write_study_rows(store, "s", {run.id: StudyRow(group=SECRET, varies=(f"x={SECRET}",))})
    store.link("s", SECRET, run)
    cell = read_json(run.cell)
    cell["config"]["data"]["name"] = [{"url": f"https://user:{SECRET}@host"}]
    write_json(run.cell, cell)
    words = [f"launch.wandb.notes={SECRET}", f"launch.wandb.tags=[{SECRET}]"]
    assert SECRET not in json.dumps(vars(head_of(run, launch(*words), "s")))


def test_a_cell_that_does_not_read_is_one_line(run: RunFolder) -> None:
    run.cell.write_text("[]")
    with pytest.raises(StoreError, match="no config"):
        head_of(run, None)


def finished(run: RunFolder, records: type[Records]) -> None:
    write_json(run.result, records.plain_result)


def attempt(run: RunFolder, how: str) -> None:
    """One attempt, which ended so; empty: it goes on."""
    claim = take(run)
    assert claim is not None
    run.attempts.write_text(json.dumps(Records.plain_attempt) + "\n")
    if how:
        claim.release(how)


ENDS: Mapping[str, tuple[bool, int, bool, str]] = {
    "": (False, 0, False, ""),
    "stopped by signal 10": (True, 138, True, ""),
    "stopped": (True, 143, True, ""),
    "paused after epoch 1": (True, 0, False, "paused after epoch 1"),
    "released": (True, 1, False, "released"),
}


@pytest.mark.parametrize("how", ENDS)
def test_how_an_attempt_ended_is_how_the_run_stands(run: RunFolder, how: str) -> None:
    attempt(run, how)
    finish = finish_of(run, None)
    assert (finish.over, finish.exit_status, finish.preempted, finish.facts.get("cause", "")) == ENDS[how]
    assert finish.facts["attempts"] == 1
    assert (finish.files, finish.pictures) == ((), {})


def test_a_failure_is_shown_with_its_cause_and_without_a_secret(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    attempt(run, "failed")
    run.error.write_text(f"no such file: {SECRET}\ntraceback\n")
    finish = finish_of(run, None)
    assert (finish.over, finish.exit_status, finish.preempted) == (True, 1, False)
    assert finish.facts["cause"] == "no such file: [secret]"


def test_a_finished_run_shows_its_measures_and_hands_over_its_files(run: RunFolder) -> None:
    attempt(run, "finished")
    finished(run, Records)
    run.per_sample.write_bytes(b"bits")
    finish = finish_of(run, launch())
    assert (finish.over, finish.exit_status, finish.preempted) == (True, 0, False)
    assert finish.facts["last/top1_error_pct"] == Records.result.last.values["top1_error_pct"]
    assert (finish.facts["params"], finish.facts["device"]) == (1000, "cpu")
    assert [path.name for path in finish.files] == ["result.json", "correct.bin"]
    assert finish_of(run, launch("launch.wandb.artifacts=false")).files == ()


@pytest.fixture
def mixture(tmp_path: Path) -> Path:
    path = tmp_path / "mixture.npz"
    layers = {f"layer{index}/{name}": np.linspace(-1, 2, 6).reshape(2, 3) for index in (1, 2) for name in ("gamma",)}
    np.savez(path, **layers, **{"layer1/beta": np.zeros((2, 5)), "layer1/lambda_mean": np.array([0.5, 0.1])})
    return path


def test_what_the_attention_learned_is_drawn(mixture: Path) -> None:
    images = as_images(mixture_pictures(mixture))
    assert sorted(images) == ["mixture/beta", "mixture/gamma", "mixture/lambda_mean"]
    gamma = images["mixture/gamma"]
    scale = gamma.width // 3
    assert gamma.height == scale * 5  # two layers of two components, and a line between
    assert gamma.getpixel((gamma.width - 1, scale)) != gamma.getpixel((0, scale))


def test_a_mixture_that_does_not_read_is_no_picture(mixture: Path, tmp_path: Path) -> None:
    assert mixture_pictures(tmp_path / "none.npz") == {}
    mixture.write_bytes(mixture.read_bytes()[:100])
    assert mixture_pictures(mixture) == {}
