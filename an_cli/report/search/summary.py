"""From trials and records to what a search is reported by. The number of the winner is never the search's best.

The best of many noisy numbers is better than what it is a measure of: so the winner is run on other seeds, and that
mean, with its interval, is what is printed as its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from an_cli.config.task import Better, Measure
from an_cli.plan.candidates import Candidates
from an_cli.plan.search import COUNTED
from an_cli.plan.trials import Trial, Trials
from an_cli.plan.winners import winners
from an_cli.report.statistics.inference import Variance, half_width
from an_cli.report.statistics.seeds import Sample, summarize
from an_cli.store import Measures, RunRecord

ALPHA = 0.05
SHOWN = 10  # trials of one objective


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds; `low` and `high` are its 95 % interval, where there are two seeds or more."""

    mean: float
    seeds: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """A trial of the report.

    Attributes:
        number: of the trial.
        params: its choice in words, `key=value`.
        selected: what it was chosen by, an estimate per objective, over the trial's seeds.
        reported: the same on the report's seeds; None where it was not run there.
        runs: ids of all its runs.
    """

    number: int
    params: tuple[str, ...]
    selected: tuple[Estimate, ...]
    reported: tuple[Estimate, ...] | None
    runs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SearchSummary:
    """A search as it is reported.

    Attributes:
        objectives: as measures; parameters and MACs among them.
        counts: trials by state.
        trials: how many it may have.
        rows: the best trials of one objective, or the front of several.
        is_front: which of both.
        importances: objective -> key -> share; `evaluator` is how they were found.
        seeds, report_seeds: of the trials, and of the winner's number.
        skipped: lines of the journal that were torn or foreign.
    """

    name: str
    title: str
    objectives: tuple[Measure, ...]
    counts: Mapping[str, int]
    trials: int
    sampler: str
    pruner: str
    rows: tuple[TrialRow, ...]
    is_front: bool
    importances: Mapping[str, Mapping[str, float]]
    evaluator: str
    seeds: tuple[int, ...]
    report_seeds: tuple[int, ...]
    skipped: int = 0


def objective_measures(candidates: Candidates, measures: Measures) -> tuple[Measure, ...]:
    """The objectives as measures."""
    heads = {"params": ("parameters", "params"), "macs": ("MACs", "MACs")}

    def counted(key: str) -> Measure:
        title, short = heads[key]
        return Measure(key=key, title=title, unit="", better=Better.LOWER, decimals=0, evidence=None, short=short)

    return tuple(counted(key) if key in COUNTED else measures[key] for key in candidates.search.objectives)


def summarize_search(
    name: str,
    candidates: Candidates,
    measures: Measures,
    trials: Trials,
    records: Mapping[str, RunRecord],
    shares: Mapping[str, Mapping[str, float]],
    evaluator: str,
) -> SearchSummary:
    """What a search has come to.

    Args:
        name: of the search.
        candidates: its choices as cells.
        measures: of its runs.
        trials: all.
        records: of the runs that `runs_needed` names, by id.
        shares: importances by objective and key.
        evaluator: how they were found.
    """
    search, objectives = candidates.search, objective_measures(candidates, measures)
    lower = [measure.better is Better.LOWER for measure in objectives]
    best = shown(trials, lower)
    return SearchSummary(
        name=name,
        title=candidates.study.title,
        objectives=objectives,
        counts=Counter(str(trial.state) for trial in trials.all),
        trials=search.budget.trials,
        sampler=str(search.sampler.name),
        pruner=str(search.pruner.name),
        rows=tuple(_row(trial, candidates, records) for trial in best),
        is_front=len(objectives) > 1,
        importances=shares,
        evaluator=evaluator,
        seeds=candidates.study.seeds,
        report_seeds=search.report_seeds,
        skipped=trials.skipped,
    )


def shown(trials: Trials, lower: Sequence[bool]) -> tuple[Trial, ...]:
    """The trials that are reported: the best ones of one objective, or the front."""
    if len(lower) > 1:
        return winners(trials.all, lower)
    sign = 1 if lower[0] else -1
    return tuple(sorted(trials.finished, key=lambda trial: (sign * trial.values[0], trial.number))[:SHOWN])


def reported_cells(candidates: Candidates, trial: Trial) -> tuple[str, ...]:
    """Ids of a trial's cells on the report's seeds; none where the search has no such seeds."""
    seeds = candidates.search.report_seeds
    return tuple(cell.id for cell in candidates.cells(trial.number, trial.params, seeds)) if seeds else ()


def _row(trial: Trial, candidates: Candidates, records: Mapping[str, RunRecord]) -> TrialRow:
    selected = [records[cell] for cell in trial.cells if cell in records]
    others = [records[cell] for cell in reported_cells(candidates, trial) if cell in records]
    reported = [record for record in others if record.result is not None]
    objectives = candidates.search.objectives
    return TrialRow(
        number=trial.number,
        params=candidates.space.texts(trial.params),
        selected=tuple(_estimate(selected, key, value) for key, value in zip(objectives, trial.values, strict=True)),
        reported=tuple(_estimate(reported, key, 0.0) for key in objectives) if reported else None,
        runs=tuple(record.id for record in (*selected, *reported)),
    )


def _estimate(records: Sequence[RunRecord], key: str, reported: float) -> Estimate:
    """The mean of an objective over runs, with its interval; what the trial was told where no run can be read."""
    values = {
        index: float(getattr(record.result, key)) if key in COUNTED else record.result.last[key]
        for index, record in enumerate(records)
        if record.result is not None
    }
    if not values:
        return Estimate(mean=reported, seeds=0)
    sample = summarize(values)
    low, high = interval(sample)
    return Estimate(mean=fmean(values.values()), seeds=sample.n, low=low, high=high)


def interval(sample: Sample) -> tuple[float | None, float | None]:
    """The 95 % interval of a mean over seeds, by Student's t; none for one seed."""
    if sample.mean is None or sample.standard_error is None:
        return None, None
    half = half_width(Variance(sample.standard_error**2, 0.0, sample.n - 1), ALPHA)
    return sample.mean - half, sample.mean + half
