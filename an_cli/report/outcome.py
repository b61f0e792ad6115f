"""What the runs of one row came to: results by seed, and why the others have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from an_cli.plan import Cell, PlanRow
from an_cli.report.spec import Epoch, Measure
from an_cli.report.table import Mark, RowStatus
from an_cli.store import Evaluation, Result, RunRecord, Status

_LONGEST_CAUSE = 160
_BROKEN = (Status.FAILED, Status.UNREADABLE)
_SAID = {Status.MISSING: "not run", Status.UNKNOWN: "not visible from here"}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run whose numbers can be used."""

    record: RunRecord
    result: Result


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A row's runs, by seed.

    Attributes:
        planned: ids of all its cells.
        finished: seed -> run, in the plan's order.
        open: seed -> what is said of a run without usable numbers, and whether it is broken.
    """

    planned: tuple[str, ...]
    finished: Mapping[int, Finished]
    open: Mapping[int, tuple[str, bool]]

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(run.record.id for run in self.finished.values())

    @property
    def status(self) -> RowStatus:
        if not self.open:
            return RowStatus.FINISHED
        if self.finished:
            return RowStatus.PARTIAL
        return RowStatus.FAILED if self._broken else RowStatus.MISSING

    @property
    def marks(self) -> tuple[Mark, ...]:
        if not self.open:
            return ()
        first = Mark.PARTIAL if self.finished else Mark.MISSING
        return (first, Mark.FAILED) if self._broken else (first,)

    @property
    def _broken(self) -> bool:
        return any(broken for _, broken in self.open.values())

    @property
    def note(self) -> str:
        """For example "2 of 3 seeds; seed 1: failed: out of memory"; empty when all are there."""
        if not self.open:
            return ""
        seeds: dict[str, list[int]] = {}
        for seed, (text, _) in self.open.items():
            seeds.setdefault(text, []).append(seed)
        reasons = [f"{seeds_text(those)}: {text}" for text, those in seeds.items()]
        return "; ".join([f"{len(self.finished)} of {len(self.planned)} seeds", *reasons])

    def errors(self, measure: Measure, epoch: Epoch) -> dict[int, float]:
        """Seed -> error rate in per cent."""
        return {seed: _error(_evaluation(run.result, epoch), measure) for seed, run in self.finished.items()}


def seeds_text(seeds: Sequence[int]) -> str:
    """For example "seeds 0, 2"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _evaluation(result: Result, epoch: Epoch) -> Evaluation:
    return result.last if epoch is Epoch.LAST else result.best


def _error(evaluation: Evaluation, measure: Measure) -> float:
    return evaluation.top1_error_pct if measure is Measure.TOP1 else evaluation.top5_error_pct


def outcome_of(row: PlanRow, cells: Mapping[str, Cell], records: Mapping[str, RunRecord]) -> Outcome:
    """Sort a row's runs into those with numbers and those without.

    Args:
        row: a trained row.
        cells: id -> cell of the plan.
        records: id -> record; a cell without one counts as not run.
    """
    finished: dict[int, Finished] = {}
    still: dict[int, tuple[str, bool]] = {}
    for run_id in row.cells:
        cell, record = cells[run_id], records.get(run_id)
        problem = _unusable(record, cell)
        if problem:
            still[cell.config.seed] = problem
        elif record is not None and record.result is not None:
            finished[cell.config.seed] = Finished(record=record, result=record.result)
    return Outcome(planned=row.cells, finished=finished, open=still)


def _unusable(record: RunRecord | None, cell: Cell) -> tuple[str, bool] | None:
    """What is said of a run without usable numbers, and whether it is broken; None for a usable one."""
    if record is None:
        return _SAID[Status.MISSING], False
    if record.status is Status.FINISHED:
        damage = _damage(record, cell)
        return (f"unreadable: {damage}", True) if damage else None
    said = _SAID.get(record.status, record.status.value)
    cause = _cause(record.error or "") if record.status in _BROKEN else ""
    return (f"{said}: {cause}" if cause else said), record.status in _BROKEN


def _damage(record: RunRecord, cell: Cell) -> str:
    """What shows that a finished run's files do not say what was measured; empty for a sound one."""
    if record.result is None:
        return "its result is missing"
    if record.config != cell.config:
        return "its cell.json describes another cell"
    last, best = record.result.last, record.result.best
    for evaluation in (last, best):
        if not 0 <= evaluation.top5_error_pct <= evaluation.top1_error_pct <= 100:
            return f"error rates of {evaluation.top1_error_pct:g} and {evaluation.top5_error_pct:g} % cannot be"
    return "its best epoch is worse than its last" if best.top1_error_pct > last.top1_error_pct else ""


def _cause(error: str) -> str:
    """One line of an error: the last of a traceback, else the first."""
    lines = [" ".join(line.split()) for line in error.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return line if len(line) <= _LONGEST_CAUSE else line[: _LONGEST_CAUSE - 3] + "..."
