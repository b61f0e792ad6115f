"""`pull`: runs that were made elsewhere come from W&B into the store, as records that a table may quote."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from an_cli.config import CellConfig, cell_id, read
from an_cli.errors import AnError, TrackerError, nearest
from an_cli.redact import redact
from an_cli.store import Measures, Store, measures_of
from an_cli.store.pulled import UNVERIFIED, PulledRun, is_reference, read_pulled, write_pulled
from an_cli.tracking.metric_source import MetricSource, metric_names, number_at, own_sources
from an_cli.tracking.wandb_reader import PAUSES_S, SAMPLES, FetchedRun, ListedRun, WandbReader


@dataclass(frozen=True, kw_only=True)
class PullOutcome:
    """What a pull came to. All runs by ENTITY/PROJECT/ID.

    Attributes:
        pulled: records that were written.
        same: runs that had not changed since they were pulled.
        due: what a dry run would pull.
        skipped: run -> why it gave no record.
    """

    pulled: tuple[PulledRun, ...] = ()
    same: tuple[str, ...] = ()
    due: tuple[str, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)


def pull(
    store: Store,
    project: str,
    filters: Mapping[str, Any],
    sources: Sequence[MetricSource],
    say: Callable[[str], None],
    *,
    again: bool = False,
    dry_run: bool = False,
    pauses_s: Sequence[float] = PAUSES_S,
) -> PullOutcome:
    """Pull the runs of a project that pass a filter and are new or have changed.

    Each run is written as soon as it has been read, so that a pull that was broken off goes on where it ended.

    Args:
        store: that takes the records.
        project: ENTITY/PROJECT.
        filters: as W&B's API takes them.
        sources: metrics to read as measures; empty: those that an-cli logs.
        say: what tells the user of progress and of pauses.
        again: also runs that have not changed.
        dry_run: look only at the list.
        pauses_s: see `WandbReader`.

    Raises:
        TrackerError: no such project, no run that passes or that has the metric, a refused key, no answer.
        StoreError: the store cannot be written.
    """
    if not is_reference(f"{project}/run"):
        raise TrackerError(f"{project!r} is no project of W&B", where="ENTITY/PROJECT", now="write lab/my-project")
    reader = WandbReader(project, say, pauses_s)
    runs = reader.listed(filters)
    if not runs:
        raise TrackerError("no run passes", where=project, now="change --filter; state=... takes other than finished")
    due = [run for run in runs if again or not _is_same(store, project, run, sources)]
    same = tuple(f"{project}/{run.id}" for run in runs if run not in due)
    if dry_run:
        return PullOutcome(same=same, due=tuple(f"{project}/{run.id}" for run in due))
    pulled: list[PulledRun] = []
    skipped: dict[str, str] = {}
    for number, run in enumerate(reader.fetched([run.id for run in due]), start=1):
        try:
            record = _record(f"{project}/{run.id}", run, sources, reader)
        except _NoMetricError as problem:
            skipped[f"{project}/{run.id}"] = str(problem)
            continue
        write_pulled(store, record)
        pulled.append(record)
        if number % 50 == 0:
            say(f"pulled {number} of {len(due)}")
    if skipped and not pulled and not same:
        raise TrackerError(next(iter(skipped.values())), where=next(iter(skipped)), now="name it with --metric")
    return PullOutcome(pulled=tuple(pulled), same=same, skipped=skipped)


class _NoMetricError(Exception):
    """A run that has no number to quote; the message says what it has."""


def _is_same(store: Store, project: str, run: ListedRun, sources: Sequence[MetricSource]) -> bool:
    """Whether a run has a record of its present state, with the asked metrics."""
    try:
        record = read_pulled(store, f"{project}/{run.id}")
    except AnError:
        return False  # a damaged record is written anew
    if record is None or record.stamp != run.stamp:
        return False
    return all(record.sources.get(source.measure.key) == str(source) for source in sources)


def _record(reference: str, run: FetchedRun, sources: Sequence[MetricSource], reader: WandbReader) -> PulledRun:
    cell, measures = _as_cell(run.config)
    found = list(sources) or own_sources(measures, run.summary)
    if not found:
        raise _NoMetricError(f"it logs none of our measures, but {_some(metric_names(run.summary))}")
    doubts = [] if run.state == "finished" else [f"its state is {run.state}"]
    values: dict[str, float] = {}
    best: dict[str, float] = {}
    for source in found:
        key, last, logged = source.measure.key, number_at(run.summary, source.metric), _logged(source, run, reader)
        if last is None and not logged:
            raise _NoMetricError(
                f"no metric {source.metric!r}: {nearest(source.metric, {*metric_names(run.summary), *run.logs})}"
            )
        values[key] = source.value(logged[-1] if last is None else last)
        if (own_best := number_at(run.summary, source.best)) is not None:
            best[key] = source.value(own_best)
        elif logged:
            best[key] = source.best_of([source.value(number) for number in logged])
        doubts += _doubts(source, last, logged, values[key])
    params, macs = (number_at(run.summary, name) for name in ("params", "macs"))
    return PulledRun(
        imported_from="wandb",
        run=reference,
        url=run.url,
        name=redact(run.name),
        group=redact(run.group),
        tags=tuple(map(redact, run.tags)),
        state=run.state,
        created_at=run.created_at,
        config=_without_secrets(run.config),
        summary={name: number_at(run.summary, name) for name in metric_names(run.summary)},
        values=values,
        best=best,
        sources={source.measure.key: str(source) for source in found},
        params=None if params is None else round(params),
        macs=None if macs is None else round(macs),
        cell=cell,
        unverified=UNVERIFIED,
        doubts=tuple(doubts),
        stamp=run.stamp,
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        host=socket.gethostname(),
    )


def _as_cell(config: Mapping[str, Any]) -> tuple[str, Measures | None]:
    """Id and measures of the cell that a config describes; nothing where it is another program's."""
    try:
        cell = read(CellConfig, config)
    except AnError:
        return "", None
    return cell_id(cell), measures_of(cell)


def _logged(source: MetricSource, run: FetchedRun, reader: WandbReader) -> list[float]:
    """The history of a metric; it is not asked for where the summary has its best value."""
    return [] if source.best or source.metric not in run.logs else reader.logged(run, source.metric)


def _doubts(source: MetricSource, last: float | None, logged: Sequence[float], value: float) -> list[str]:
    doubts = []
    if last is not None and logged and abs(last - logged[-1]) > 1e-9 * max(1.0, abs(last)):
        doubts.append(f"its summary says {source.metric} {last:g}, its last row {logged[-1]:g}")
    if len(logged) >= SAMPLES:
        doubts.append(f"its history of {source.metric} is sampled, the best may be missing")
    if source.measure.unit == "%" and not 0 <= value <= 100:
        doubts.append(f"{source.measure.title} of {value:g} % cannot be")
    return doubts


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:8]) + (f", ... ({len(shown)} in all)" if len(shown) > 8 else "") or "no number at all"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value
