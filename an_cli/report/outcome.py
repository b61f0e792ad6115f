"""What the runs of one row came to: results by seed, and why the others have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from an_cli.plan import Cell, PlanRow
from an_cli.report.bits import Bits, disagreement
from an_cli.report.spec import Epoch, Measure
from an_cli.report.table import Mark, RowStatus
from an_cli.store import Imported, PerSample, Result, RunRecord, Status

_LONGEST_CAUSE = 160
_BROKEN = (Status.FAILED, Status.UNREADABLE)
_EXPLAINED = {Status.UNKNOWN: "unknown: its machine cannot be seen from here"}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run whose numbers can be used; `correct` is None where its samples cannot be told."""

    record: RunRecord
    result: Result
    correct: PerSample | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A row's runs, by seed.

    Attributes:
        planned: ids of all its cells.
        seeds: of all its cells, in the plan's order.
        finished: seed -> run, in the plan's order.
        open: seed -> what is said of a run without usable numbers, and whether it is broken.
        bitless: seed -> why its finished run has no per-sample record.
    """

    planned: tuple[str, ...]
    finished: Mapping[int, Finished]
    open: Mapping[int, tuple[str, bool]]
    seeds: tuple[int, ...] = ()
    bitless: Mapping[int, str] = field(default_factory=dict)

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(run.record.id for run in self.finished.values())

    @property
    def failed(self) -> tuple[int, ...]:
        """Seeds whose runs failed or cannot be read."""
        return tuple(seed for seed, (_, broken) in self.open.items() if broken)

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
        return "; ".join([*self._open_note(), *self._bitless_note()])

    def _bitless_note(self) -> list[str]:
        return [f"{seeds_text(seeds)}: {why}" for why, seeds in _by_text(self.bitless.items()).items()]

    def _open_note(self) -> list[str]:
        if not self.open:
            return []
        texts = _by_text((seed, text) for seed, (text, _) in self.open.items())
        reasons = [f"{seeds_text(seeds)}: {text}" for text, seeds in texts.items()]
        return [f"{len(self.finished)} of {len(self.planned)} seeds", *reasons]

    def errors(self, measure: Measure, epoch: Epoch) -> dict[int, float]:
        """Seed -> error rate in per cent."""
        return {seed: _error(run.result, measure, epoch) for seed, run in self.finished.items()}


def _by_text(texts: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Text -> the seeds that it is said of."""
    found: dict[str, list[int]] = {}
    for seed, text in texts:
        found.setdefault(text, []).append(seed)
    return found


def seeds_text(seeds: Sequence[int]) -> str:
    """For example "seeds 0, 2"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _error(result: Result, measure: Measure, epoch: Epoch) -> float:
    evaluation = result.last if epoch is Epoch.LAST else result.best
    return evaluation["top1_error_pct"] if measure is Measure.TOP1 else evaluation["top5_error_pct"]


def outcome_of(
    row: PlanRow, cells: Mapping[str, Cell], records: Mapping[str, RunRecord], bits: Bits | None = None
) -> Outcome:
    """Sort a row's runs into those with numbers and those without.

    Args:
        row: a trained row.
        cells: id -> cell of the plan.
        records: id -> record; a cell without one counts as not run.
        bits: id -> per-sample correctness, or why there is none; a run whose bits contradict its numbers is broken.
    """
    finished: dict[int, Finished] = {}
    still: dict[int, tuple[str, bool]] = {}
    bitless: dict[int, str] = {}
    for run_id in row.cells:
        cell, record, found = cells[run_id], records.get(run_id), (bits or {}).get(run_id)
        seed, correct = cell.config.seed, found if isinstance(found, PerSample) else None
        problem = _unusable(record, cell) or _contradiction(record, correct)
        if problem:
            still[seed] = problem
        elif record is not None and record.result is not None:
            finished[seed] = Finished(record=record, result=record.result, correct=correct)
            if isinstance(found, str):
                bitless[seed] = found
    seeds = tuple(cells[run_id].config.seed for run_id in row.cells)
    return Outcome(planned=row.cells, finished=finished, open=still, seeds=seeds, bitless=bitless)


def _contradiction(record: RunRecord | None, correct: PerSample | None) -> tuple[str, bool] | None:
    if record is None or record.result is None or correct is None:
        return None
    said = disagreement(correct, record, record.result)
    return (f"unreadable: {said}", True) if said else None


def _unusable(record: RunRecord | None, cell: Cell) -> tuple[str, bool] | None:
    """What is said of a run without usable numbers, and whether it is broken; None for a usable one."""
    if record is None:
        return Status.MISSING.value, False
    if record.status is Status.FINISHED:
        damage = _damage(record, cell)
        return (f"unreadable: {damage}", True) if damage else None
    if record.imported is not None:
        return _imported(record.imported), False
    said = record.scheduled or _EXPLAINED.get(record.status, record.state)
    cause = _cause(record.error or "") if record.status in _BROKEN else ""
    return (f"{said}: {cause}" if cause else said), record.status in _BROKEN


def _imported(found: Imported) -> str:
    """Numbers of weights that were trained elsewhere belong in a footnote, never among those of our own runs."""
    if found.evaluation is None:
        return "imported, not trained"
    errors = found.evaluation
    top1, top5 = errors["top1_error_pct"], errors["top5_error_pct"]
    return f"imported, not trained: errors {top1:.2f} % (top-1), {top5:.2f} % (top-5)"


def _damage(record: RunRecord, cell: Cell) -> str:
    """What shows that a finished run's files do not say what was measured; empty for a sound one."""
    if record.result is None:
        return "its result is missing"
    if record.config != cell.config:
        return "its cell.json describes another cell"
    last, best = record.result.last, record.result.best
    for evaluation in (last, best):
        top1, top5 = evaluation["top1_error_pct"], evaluation["top5_error_pct"]
        if not 0 <= top5 <= top1 <= 100:
            return f"error rates of {top1:g} and {top5:g} % cannot be"
    return "its best epoch is worse than its last" if best["top1_error_pct"] > last["top1_error_pct"] else ""


def _cause(error: str) -> str:
    """One line of an error: the last of a traceback, else the first."""
    lines = [" ".join(line.split()) for line in error.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return line if len(line) <= _LONGEST_CAUSE else line[: _LONGEST_CAUSE - 3] + "..."
