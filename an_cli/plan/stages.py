"""The parts of a trial: between two of them its pruner is asked whether it goes on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from an_cli.plan.search import COUNTED, PrunerName, Search
from an_cli.store import RunRecord


@dataclass(frozen=True)
class TrialStage:
    """What is run before a trial is compared.

    Attributes:
        runs: places of the cells, in the order of seeds.
        until: epochs after which they pause; None: to their end.
        step: what the comparison counts by, an epoch or a seed's place; None: the trial has its values then.
    """

    runs: tuple[int, ...]
    until: int | None
    step: int | None


def stages_of(search: Search, seeds: int, epochs: int) -> tuple[TrialStage, ...]:
    """The stages of a trial.

    Args:
        search: its pruner says where it is asked.
        seeds: how many cells a trial has.
        epochs: of the trial's schedule; a rung at its end or behind it is none.
    """
    if search.pruner.name is PrunerName.WILCOXON:
        last = seeds - 1
        return tuple(TrialStage((index,), None, None if index == last else index) for index in range(seeds))
    rungs = [rung for rung in search.pruner.rungs if rung < epochs]
    all_runs = tuple(range(seeds))
    return (*(TrialStage(all_runs, rung, rung) for rung in rungs), TrialStage(all_runs, None, None))


def is_through(stage: TrialStage, records: Sequence[RunRecord]) -> bool:
    """Whether the runs of a stage have come as far as it asks for."""
    return all(
        records[index].status.is_done or (stage.until is not None and len(_epochs(records[index])) >= stage.until)
        for index in stage.runs
    )


def has_failed(stage: TrialStage, records: Sequence[RunRecord]) -> bool:
    """Whether a run of a stage has ended without a result, for good."""
    return any(records[index].status.is_broken for index in stage.runs)


def compared_value(search: Search, stage: TrialStage, records: Sequence[RunRecord]) -> float:
    """What a trial is compared by after a stage: the first objective, the mean over the stage's runs."""
    key = search.objectives[0]
    if stage.until is None:
        return fmean(_value(records[index], key) for index in stage.runs)
    return fmean(float(_epochs(records[index])[stage.until - 1][key]) for index in stage.runs)


def values_of(search: Search, records: Sequence[RunRecord]) -> tuple[float, ...]:
    """The objectives of a trial whose runs have all finished: means over its seeds, of the last epoch."""
    return tuple(fmean(_value(record, key) for record in records) for key in search.objectives)


def hours_of(records: Sequence[RunRecord]) -> float:
    """Hours of training that runs have taken so far."""
    return sum(_seconds(record) for record in records) / 3600


def _seconds(record: RunRecord) -> float:
    if record.result is not None:
        return record.result.train_s
    return max((float(line.get("elapsed_s", 0.0)) for line in record.epochs), default=0.0)


def _value(record: RunRecord, key: str) -> float:
    assert record.result is not None
    return float(getattr(record.result, key)) if key in COUNTED else record.result.last[key]


def _epochs(record: RunRecord) -> Sequence[Any]:
    """Lines of its epochs, in order, each once."""
    lines: dict[int, Any] = {line["epoch"]: line for line in record.epochs if isinstance(line.get("epoch"), int)}
    return [lines[epoch] for epoch in sorted(lines)]


def is_going(records: Sequence[RunRecord]) -> bool:
    """Whether somebody runs one of them, or may."""
    return any(record.status.is_going or record.status.is_in_queue for record in records)
