"""What the runs of one row came to: results by seed, and why the others have none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from an_cli.config.task import Summary
from an_cli.plan import Cell, PlanRow
from an_cli.report.evidence.per_sample import Samples, contradiction
from an_cli.report.spec import Epoch
from an_cli.report.table import Mark, RowStatus
from an_cli.store import Evaluation, Imported, Measures, PerSample, Result, RunRecord, Status, measures_of

_LONGEST_CAUSE = 160
_EXPLAINED = {Status.UNKNOWN: "unknown: its machine cannot be seen from here"}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run whose numbers can be used; `samples` is None where there is no per-sample evidence."""

    record: RunRecord
    result: Result
    samples: PerSample | None = None


@dataclass(frozen=True, kw_only=True)
class RowOutcome:
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

    def values(self, measure: str, epoch: Epoch) -> dict[int, float]:
        """Seed -> value of a measure; of another task's measure there is none."""
        evaluations = {seed: _evaluation(run.result, epoch) for seed, run in self.finished.items()}
        return {seed: evaluation[measure] for seed, evaluation in evaluations.items() if measure in evaluation.values}


def _by_text(texts: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Text -> the seeds that it is said of."""
    seeds_by_text: dict[str, list[int]] = {}
    for seed, text in texts:
        seeds_by_text.setdefault(text, []).append(seed)
    return seeds_by_text


def seeds_text(seeds: Sequence[int]) -> str:
    """For example "seeds 0, 2"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _evaluation(result: Result, epoch: Epoch) -> Evaluation:
    return result.last if epoch is Epoch.LAST else result.best


def outcome_of(
    row: PlanRow, cells: Mapping[str, Cell], records: Mapping[str, RunRecord], samples: Samples | None = None
) -> RowOutcome:
    """Sort a row's runs into those with numbers and those without.

    Args:
        row: a trained row.
        cells: id -> cell of the plan.
        records: id -> record; a cell without one counts as not run.
        samples: id -> per-sample evidence, or why there is none; a run whose evidence contradicts its numbers is
            broken.
    """
    finished: dict[int, Finished] = {}
    still: dict[int, tuple[str, bool]] = {}
    bitless: dict[int, str] = {}
    for run_id in row.cells:
        cell, record, per_sample = cells[run_id], records.get(run_id), (samples or {}).get(run_id)
        seed, evidence = cell.config.seed, per_sample if isinstance(per_sample, PerSample) else None
        problem = _unusable(record, cell) or _contradiction(record, evidence, measures_of(cell.config))
        if problem:
            still[seed] = problem
        elif record is not None and record.result is not None:
            finished[seed] = Finished(record=record, result=record.result, samples=evidence)
            if isinstance(per_sample, str):
                bitless[seed] = per_sample
    seeds = tuple(cells[run_id].config.seed for run_id in row.cells)
    return RowOutcome(planned=row.cells, finished=finished, open=still, seeds=seeds, bitless=bitless)


def _contradiction(record: RunRecord | None, evidence: PerSample | None, measures: Measures) -> tuple[str, bool] | None:
    if record is None or record.result is None or evidence is None:
        return None
    reason = contradiction(evidence, record, record.result, measures)
    return (f"unreadable: {reason}", True) if reason else None


def _unusable(record: RunRecord | None, cell: Cell) -> tuple[str, bool] | None:
    """What is said of a run without usable numbers, and whether it is broken; None for a usable one."""
    if record is None:
        return Status.MISSING.value, False
    if record.status is Status.FINISHED:
        damage = _damage(record, cell)
        return (f"unreadable: {damage}", True) if damage else None
    if record.imported is not None:
        return _imported(record.imported, measures_of(cell.config)), False
    reason = record.scheduled or _EXPLAINED.get(record.status, record.state)
    cause = _cause(record.error or "") if record.status.is_broken else ""
    return (f"{reason}: {cause}" if cause else reason), record.status.is_broken


def _imported(imported: Imported, measures: Measures) -> str:
    """Numbers of weights that were trained elsewhere belong in a footnote, never among those of our own runs."""
    if imported.evaluation is None:
        return "imported, not trained"
    values = imported.evaluation.values
    return f"imported, not trained: {', '.join(measure.text(values) for measure in measures.all)}"


def _damage(record: RunRecord, cell: Cell) -> str:
    """What shows that a finished run's files do not say what was measured; empty for a sound one."""
    if record.result is None:
        return "its result is missing"
    if record.config != cell.config:
        return "its cell.json describes another cell"
    measures, (last, best) = measures_of(cell.config), (record.result.last, record.result.best)
    for evaluation in (last, best):
        if impossible := _impossible(evaluation, measures):
            return f"{impossible} cannot be"
    primary = measures.primary
    worse = primary.better.beats(last[primary.key], best[primary.key])
    return "its best epoch is worse than its last" if worse else ""


def _impossible(evaluation: Evaluation, measures: Measures) -> str:
    """The numbers of an evaluation that no network can have; empty where all can be."""
    for measure in measures.all:
        value, most = evaluation[measure.key], evaluation[measure.at_most] if measure.at_most else math.inf
        rate = measure.evidence is not None and measure.evidence.summary is Summary.ERROR_PCT
        if not value <= most:
            return f"{measure.text(evaluation.values)} beside {measures[measure.at_most].text(evaluation.values)}"
        if not math.isfinite(value) or (rate and not 0 <= value <= 100):
            return f"{measure.title} of {value:g} {measure.unit}".rstrip()
    return ""


def _cause(error: str) -> str:
    """One line of an error: the last of a traceback, else the first."""
    lines = [" ".join(line.split()) for line in error.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return line if len(line) <= _LONGEST_CAUSE else line[: _LONGEST_CAUSE - 3] + "..."
