"""What `pull` takes for a metric and for a filter; nothing here asks W&B."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.errors import TrackerError
from an_cli.store import CLASSIFICATION, Store
from an_cli.tracking.metric_source import number_at, own_sources, parse_source
from an_cli.tracking.pull import pull
from an_cli.tracking.run_filter import FINISHED, parse_filters


@pytest.mark.parametrize(
    ("text", "logged", "error"),
    [
        ("top1_error_pct=val/err", 23.5, 23.5),
        ("top1_error_pct=100-val/acc1", 76.5, 23.5),
        ("top1_error_pct=100*val/err", 0.235, 23.5),
        ("top1_error_pct=100-100*val/acc", 0.765, 23.5),
        ("top1_accuracy_pct=val/acc1", 76.5, 23.5),
        ("top1_accuracy_pct=100*val/acc", 0.765, 23.5),
        ("top1_accuracy_pct=100-val/err", 23.5, 23.5),
    ],
)
def test_a_metric_is_read_as_the_measure_that_it_is_said_to_be(text: str, logged: float, error: float) -> None:
    source = parse_source(text)
    assert source.measure.key == "top1_error_pct"
    assert source.metric.startswith("val/")
    assert source.value(logged) == pytest.approx(error)
    assert source.best_of([3.0, 1.0, 2.0]) == 1.0


def test_the_best_of_a_precision_is_the_highest() -> None:
    assert parse_source("ap_bb=val/map").best_of([3.0, 1.0]) == 3.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [("val/acc1", "names no metric"), ("top1=acc", "is no measure"), ("top1_error_pct=", "names no metric")],
)
def test_a_metric_of_another_form_is_one_clear_line(text: str, problem: str) -> None:
    with pytest.raises(TrackerError) as caught:
        parse_source(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("summary", "name", "number"),
    [
        ({"acc": 76.5}, "acc", 76.5),
        ({"acc": 76}, "acc", 76.0),
        ({"acc": {"max": 77.0}}, "acc.max", 77.0),
        ({"val.acc": 1.0}, "val.acc", 1.0),
        ({"acc": float("nan")}, "acc", None),
        ({"acc": "Infinity"}, "acc", None),
        ({"acc": True}, "acc", None),
        ({"acc": {"_type": "image-file"}}, "acc", None),
        ({}, "acc", None),
    ],
)
def test_only_finite_numbers_of_a_summary_count(summary: dict[str, object], name: str, number: float | None) -> None:
    assert number_at(summary, name) == number


def test_what_an_cli_logs_is_known_without_a_word() -> None:
    summary = {"last/top1_error_pct": 23.5, "best/top1_error_pct": 23.0, "eval/top5_error_pct": 6.0}
    first, second = own_sources(CLASSIFICATION, summary)
    assert (first.metric, first.best) == ("last/top1_error_pct", "best/top1_error_pct")
    assert (second.metric, second.best) == ("eval/top5_error_pct", "")
    assert own_sources(None, {"acc": 1.0}) == []


@pytest.mark.parametrize(
    ("text", "filter_"),
    [
        ("config.seed=0", {"config.seed": {"$eq": 0}}),
        ("config.norm.kind=bn", {"config.norm.kind": {"$eq": "bn"}}),
        ("summary_metrics.val/acc>=70.5", {"summary_metrics.val/acc": {"$gte": 70.5}}),
        ("group~^table", {"group": {"$regex": "^table"}}),
        ("tags=paper", {"tags": {"$eq": "paper"}}),
        ("config.ema!=true", {"config.ema": {"$ne": True}}),
    ],
)
def test_a_filter_is_what_wandb_takes_and_adds_that_the_run_is_finished(text: str, filter_: object) -> None:
    assert parse_filters([text]) == {"$and": [filter_, FINISHED]}


def test_a_filter_that_names_a_state_takes_the_place_of_finished() -> None:
    assert parse_filters([]) == FINISHED
    assert parse_filters(["state=crashed"]) == {"state": {"$eq": "crashed"}}
    assert parse_filters(['{"$or": [{"state": "failed"}]}']) == {"$or": [{"state": "failed"}]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [("seed=0", "config.KEY"), ("grup=a", "did you mean group"), ("{bad", "no JSON"), ("x", "is no filter")],
)
def test_a_filter_of_another_form_is_one_clear_line(text: str, problem: str) -> None:
    with pytest.raises(TrackerError) as caught:
        parse_filters([text])
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_project_without_its_entity_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(TrackerError, match="'p' is no project of W&B"):
        pull(Store(tmp_path), "p", FINISHED, [], print)
