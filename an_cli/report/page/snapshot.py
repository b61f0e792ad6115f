"""A store as one plain value: what the dashboard shows, and nothing else.

Everything in it is data; the page turns it into text nodes only, so that a hostile name stays a name.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from an_cli.config import Composer, leaves, plain
from an_cli.errors import AnError
from an_cli.files import subfolders
from an_cli.plan import Plan, load_named, make_plan
from an_cli.report.compare.build import build_table
from an_cli.report.evidence.per_sample import read_samples
from an_cli.report.figures.bands import series
from an_cli.report.formats.json_csv import json_value
from an_cli.report.formats.wording import LEFT, Printed, printed_rows
from an_cli.report.page.columns import coded, curve, numbers, thin
from an_cli.report.page.measured import declared, evaluations, primaries
from an_cli.report.page.searches import search_value
from an_cli.report.spec import load_spec
from an_cli.report.table import Table
from an_cli.store import (
    Result,
    RunFolder,
    RunRecord,
    Status,
    Store,
    is_current,
    read_progress,
    read_run,
)
from an_cli.store.labels import labels_of
from an_cli.store.remarks import Remarks, run_remarks
from an_cli.store.sent import urls_of

VERSION = 1
LOSSES = ("eval_loss", "loss")  # curves besides those of the tasks' primary measures
_BUDGET = 1_500_000  # curve points of a page: 4 MB
_FEWEST, _MOST = 24, 400  # points of one curve
_LONGEST_ERROR = 2000


@dataclass(frozen=True)
class RunWord:
    """What `status` prints of a run: a word, and what went wrong."""

    word: str
    error: str | None = None


States = Callable[[Sequence[str]], Mapping[str, RunWord]]


class Reader:
    """Reads a store again and again; a finished run whose files have not changed is read once.

    Attributes:
        states: ids of runs -> their states where a scheduler is asked too; those that it leaves out are as on disk.
    """

    def __init__(self, store: Store, states: States = lambda ids: {}) -> None:
        self.store, self.states = store, states
        self._cache: dict[str, tuple[object, RunRecord]] = {}

    def records(self) -> list[RunRecord]:
        """All runs of the store, by id; the badge, the footnote and the list of a page read the same record."""
        records = [self._record(self.store.run(run_id)) for run_id in self.store.run_ids()]
        states = self.states([record.id for record in records if record.status is not Status.FINISHED])
        return [self._in_state(record, states.get(record.id)) for record in records]

    def _in_state(self, record: RunRecord, state: RunWord | None) -> RunRecord:
        if state is None or state.word == record.status.value:
            return record
        if state.word == Status.FINISHED.value:  # since it was read
            return self._record(self.store.run(record.id))
        return replace(record, scheduled=state.word, error=record.error or state.error)

    def _record(self, run: RunFolder) -> RunRecord:
        stamp = tuple(_stamp(path) for path in (run.cell, run.metrics, run.attempts, run.result))
        cached = self._cache.get(run.id)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        record = read_run(run)
        if record.status is Status.FINISHED:
            self._cache[run.id] = stamp, record
        return record


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def snapshot(reader: Reader, *, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """What the dashboard shows of a store.

    Args:
        reader: of the store.
        say: is told of a study whose table cannot be made; the page says it too.
    """
    store, records, composer = reader.store, reader.records(), Composer()
    place = {record.id: index for index, record in enumerate(records)}
    return {
        "version": VERSION,
        "store": store.root.resolve().name or str(store.root),
        "count": len(records),
        "measures": declared(records),
        "runs": _runs(store, records),
        "config": _config(records),
        "curves": _curves(records),
        "errors": {str(place[record.id]): record.error[:_LONGEST_ERROR] for record in records if record.error},
        "studies": [_study(store, name, records, place, composer, say) for name in subfolders(store.studies)],
    }


def _runs(store: Store, records: Sequence[RunRecord]) -> dict[str, Any]:
    results = [record.result for record in records]
    attempts = [record.attempts[-1] if record.attempts else None for record in records]
    return {
        "id": [record.id for record in records],
        "status": coded(record.state for record in records),
        "progress": numbers((_progress(store, record) for record in records), 3),
        "epochs": coded(len(record.epochs) for record in records),
        **evaluations(records),
        "params": coded(result.params if result else None for result in results),
        "macs": coded(result.macs if result else None for result in results),
        "train_s": numbers((result.train_s if result else None for result in results), 5),
        "code": coded(_code(result) for result in results),
        "code_tree": coded(result.code_tree if result else None for result in results),
        "data": coded(result.data_fingerprint if result else None for result in results),
        "device": coded(attempt.device if attempt else None for attempt in attempts),
        "commit": coded(attempt.commit if attempt else None for attempt in attempts),
        "host": coded(attempt.host if attempt else None for attempt in attempts),
        "started_at": coded(attempt.started_at if attempt else None for attempt in attempts),
        "attempts": coded(len(record.attempts) for record in records),
        "study": _first_studies(store, records),
        **_remarks(store, records),
        **_elsewhere(store, records),
        "skipped_lines": coded(record.skipped_lines for record in records),
        **{f"choice.{name}": coded(record.choices.get(name) for record in records) for name in _choices(records)},
    }


def _first_studies(store: Store, records: Sequence[RunRecord]) -> dict[str, Any]:
    """The study as whose cell each run is named where none is chosen, as in every verb."""
    labels = labels_of(store)
    return coded(labels[record.id][0].partition("/")[0] if record.id in labels else None for record in records)


def _remarks(store: Store, records: Sequence[RunRecord]) -> dict[str, Any]:
    """What users say of the runs; no column where nothing was said."""
    remarks = run_remarks(store)
    by_record = [remarks.get(record.id, Remarks()) for record in records]
    columns = {
        "name": [own.name or None for own in by_record],
        "tags": [" ".join(own.tags) or None for own in by_record],
        "notes": ["; ".join(note.text for note in own.notes) or None for own in by_record],
    }
    return {name: coded(values) for name, values in columns.items() if any(values)}


def _elsewhere(store: Store, records: Sequence[RunRecord]) -> dict[str, Any]:
    """Where trackers show the runs; no column where none does."""
    urls = [next(iter(urls_of(store.run(record.id))), None) for record in records]
    return {"url": coded(urls)} if any(urls) else {}


def _progress(store: Store, record: RunRecord) -> float | None:
    """Share of a run's training that is done."""
    if record.status is Status.FINISHED:
        return 1.0
    progress = read_progress(store.run(record.id)) if record.attempts else None
    if progress is not None and progress.steps:
        return progress.step / progress.steps
    return 0.0 if record.config else None


def _code(result: Result | None) -> str | None:
    return None if result is None else "current" if is_current(result.code_trees, result.plugins) else "other"


def _choices(records: Iterable[RunRecord]) -> list[str]:
    return sorted({name for record in records for name in record.choices} - {"launch"})


def _config(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Every config value under its dotted key."""
    configs = [leaves(plain(record.config)) if record.config else {} for record in records]
    names = dict.fromkeys(name for config in configs for name in config)
    return {name: coded(config.get(name) for config in configs) for name in names}


def _curves(records: Sequence[RunRecord]) -> dict[str, Any]:
    """All metrics of all runs at few epochs; runs with equal epochs share them."""
    metrics = (*primaries(records), *LOSSES)
    points = max(_FEWEST, min(_MOST, _BUDGET // (len(metrics) * max(1, len(records)))))
    every = [{metric: series(record, metric) for metric in metrics} for record in records]
    grids = [tuple(thin(sorted({epoch for series in run.values() for epoch in series}), points)) for run in every]
    shared = {grid: index for index, grid in enumerate(dict.fromkeys(grids))}
    return {
        "points": points,
        "thinned": any(len(record.epochs) > points for record in records),
        "grids": [[epoch + 1 for epoch in grid] for grid in shared],
        "grid": [shared[grid] for grid in grids],
        "metrics": {
            metric: [curve(run[metric], grid) for run, grid in zip(every, grids, strict=True)] for metric in metrics
        },
    }


def _study(
    store: Store,
    name: str,
    records: Sequence[RunRecord],
    place: Mapping[str, int],
    composer: Composer,
    say: Callable[[str], None],
) -> dict[str, Any]:
    links = {label: run_id for label, run_id in _links(store, name) if run_id in place}
    value: dict[str, Any] = {"name": name, "title": "", "planned": len(links), "table": None, "note": ""}
    try:
        study = load_named(name, store)
        if study.search is not None:
            value.update(search_value(store, study, name, composer))
            return {**value, "labels": list(links), "runs": [place[run_id] for run_id in links.values()]}
        plan = make_plan(study, composer)
        value.update(_from_plan(store, plan, links, records, place))
        links = _in_order(plan, links, place)
    except AnError as error:
        value["note"] = f"no table: {error.what}"
        say(f"{name}: no table in the page: {error}")
    return {**value, "labels": list(links), "runs": [place[run_id] for run_id in links.values()]}


def _in_order(plan: Plan, links: Mapping[str, str], place: Mapping[str, int]) -> dict[str, str]:
    """Label -> run id as `status` lists them: the study's runs in its order, then what else its folder links to.

    A run that lost its link is the study's all the same.
    """
    names = {run_id: label for label, run_id in links.items()}
    planned = {names.get(cell.id, cell.label): cell.id for cell in plan.cells if cell.id in place}
    others = {label: run_id for label, run_id in links.items() if run_id not in set(planned.values())}
    return {**planned, **others}


def _from_plan(
    store: Store, plan: Plan, links: Mapping[str, str], records: Sequence[RunRecord], place: Mapping[str, int]
) -> dict[str, Any]:
    """Title and table of a study whose file is at hand, if the store's runs are those that it plans."""
    ids = [cell.id for cell in plan.cells]
    if not set(ids) & set(links.values()):
        note = f"no table: these runs were made with other values than {plan.study}.yaml has now"
        return {"title": plan.title, "note": note}
    mine = [records[place[run_id]] for run_id in ids if run_id in place]
    table = build_table(plan, mine, {}, load_spec(plan), samples=read_samples(store, mine))
    states = {run_id: records[place[run_id]].state if run_id in place else Status.MISSING.value for run_id in ids}
    planned = len({*ids, *links.values()})
    return {"title": plan.title, "table": as_printed(table, states), "planned": planned}


def as_printed(table: Table, states: Mapping[str, str]) -> dict[str, Any]:
    """A table without what the page holds of its runs already, and with every cell worded as in all other formats."""
    value = json_value(table)
    rows = [
        {name: part for name, part in row.items() if name != "config"}
        | {"printed": [_lean(cell) for cell in cells], "states": _counted(states[run_id] for run_id in planned.planned)}
        for row, cells, planned in zip(value["rows"], printed_rows(table), table.rows, strict=True)
    ]
    columns = [{"title": column.title, "words": column.measure in LEFT} for column in table.columns]
    kept = {name: part for name, part in value.items() if name not in ("provenance", "rows")}
    return {**kept, "heads": columns, "rows": rows}


def _lean(cell: Printed) -> dict[str, Any]:
    return {name: part for name, part in asdict(cell).items() if part}


def _counted(words: Iterable[str]) -> str:
    """For example "1 running, 2 missing"; empty where all are finished."""
    counts = Counter(words)
    if set(counts) <= {Status.FINISHED.value}:
        return ""
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def _links(store: Store, study: str) -> list[tuple[str, str]]:
    """Label and run id of every link of a study, seed=10 after seed=9."""
    with os.scandir(store.studies / study) as entries:
        pairs = [(entry.name, Path(os.readlink(entry.path)).name) for entry in entries if entry.is_symlink()]
    return sorted(pairs, key=lambda pair: [(int(part) if part.isdecimal() else 0, part) for part in _parts(pair[0])])


def _parts(label: str) -> list[str]:
    return re.split(r"([0-9]+)", label)
