"""A search's study made again from its runs: the journal is a cache, the run folders are the record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from an_cli.files import canonical_json
from an_cli.plan.asking import Asking
from an_cli.plan.candidates import Candidates
from an_cli.plan.searching import HOURS, Searching
from an_cli.plan.stages import compared_value, has_failed, hours_of, is_through, stages_of, values_of
from an_cli.plan.trials import Trial, TrialState
from an_cli.store import RunRecord, Store, read_run
from an_cli.store.labels import links

_LABEL = re.compile(r"trial=(\d+)(?:,seed=\d+)?")


@dataclass(frozen=True)
class Rebuilt:
    """What was found: trials that were written, and links whose runs are no choice of the search any more."""

    trials: int
    left_out: tuple[str, ...]


def rebuild(search: Searching) -> Rebuilt:
    """Write every trial that the search's links say it has made into an empty study.

    Args:
        search: over a storage without the study.
    """
    trials, left_out = find_trials(search.candidates, search.store, search.folder.name)

    def write(asking: Asking) -> None:
        for trial, records in trials:
            _write(asking, search, trial, records)
        search.close_if_over(asking)

    search.turn(write)
    return Rebuilt(len(trials), tuple(left_out))


def find_trials(
    candidates: Candidates, store: Store, folder: str
) -> tuple[list[tuple[Trial, list[RunRecord]]], list[str]]:
    """The trials of a search by its links and its runs, in their order, and the labels of runs that are none.

    Numbers follow the links', without gaps: a trial whose folder is gone is not counted. Where no link is left, every
    run of the store that is a choice of the search is taken for one of its trials, in the order in which they began.
    """
    seeds = candidates.study.seeds
    choices: dict[str, tuple[int, dict[str, Any]]] = {}
    left_out: list[str] = []
    linked = list(_linked(store, folder))
    for label, number, run_id in linked or _unlinked(store):
        record = read_run(store.run(run_id))
        if record.config is None or (params := candidates.is_choice(record.config, record.choices)) is None:
            left_out += [label] if linked else []
        elif record.config.seed in seeds:
            choices.setdefault(canonical_json(params), (number, params))
    ordered = sorted(choices.values(), key=lambda choice: choice[0])
    return [_trial(candidates, store, number, params) for number, (_, params) in zip(count(), ordered)], left_out


def _linked(store: Store, folder: str) -> Iterator[tuple[str, int, str]]:
    """Label, number and run of every link of the search."""
    for label, run_id in sorted(links(store).items()):
        study, _, name = label.partition("/")
        match = _LABEL.fullmatch(name)
        if study == folder and match is not None:
            yield label, int(match[1]), run_id


def _unlinked(store: Store) -> list[tuple[str, int, str]]:
    """The same for all runs of a store, by when they began."""

    def begun(run_id: str) -> str:
        return min((attempt.started_at for attempt in read_run(store.run(run_id)).attempts), default="")

    return [(run_id, number, run_id) for number, run_id in enumerate(sorted(store.run_ids(), key=begun))]


def _trial(
    candidates: Candidates, store: Store, number: int, params: Mapping[str, Any]
) -> tuple[Trial, list[RunRecord]]:
    cells = candidates.cells(number, params)
    records = [read_run(store.run(cell.id)) for cell in cells]
    starts = [attempt.started_at for record in records for attempt in record.attempts]
    trial = Trial(
        number=number,
        state=TrialState.RUNNING,
        params=params,
        cells=tuple(cell.id for cell in cells),
        started=datetime.fromisoformat(min(starts)) if starts else None,
    )
    return trial, records


def _write(asking: Asking, search: Searching, trial: Trial, records: Sequence[RunRecord]) -> None:
    """Go through a trial's stages as it once went, as far as its runs have come."""
    assert records[0].config is not None
    stages = stages_of(search.search, len(records), records[0].config.recipe.epochs)
    asking.restore(trial)
    if search.search.budget.device_hours is not None:
        asking.note(trial.number, HOURS, hours_of(records))
    for index, stage in enumerate(stages):
        if has_failed(stage, records):
            return asking.end(trial.number, TrialState.FAILED)
        if not is_through(stage, records):
            return _leave(asking, trial, index)
        if stage.step is None:
            return asking.end(trial.number, TrialState.FINISHED, values_of(search.search, records))
        asking.compare(trial.number, stage.step, compared_value(search.search, stage, records))
        asking.resume(trial.number, {}, index + 1)
    return None


def _leave(asking: Asking, trial: Trial, stage: int) -> None:
    """A trial that has not come through: paused where its pruner says so, else for whoever comes next."""
    if stage and not asking.goes_on_now(trial.number):
        asking.pause(trial.number, stage)
