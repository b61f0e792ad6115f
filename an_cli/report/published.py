"""Ours beside the paper's: the printed number, the difference, and whether ours could have given it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

from scipy import special

from an_cli.plan import Plan, PlanRow
from an_cli.report import comparability
from an_cli.report.inference import LEVEL, POINTS
from an_cli.report.outcome import Outcome
from an_cli.report.spec import Measure, Spec
from an_cli.report.statistics import summarize
from an_cli.report.table import Mark, RowStatus, TableCell

_ROUNDING = 0.005  # points: the paper prints two decimals


class Verdict(StrEnum):
    """Whether the printed number could have been one more run of ours."""

    WITHIN = "within"
    OUTSIDE = "outside"
    NOT_COMPARABLE = "not comparable"


def beside_paper(row: PlanRow, outcome: Outcome, plan: Plan, spec: Spec) -> Mapping[Measure, TableCell]:
    """The cells of the columns "paper", "difference" and "verdict"; empty ones where the paper has no such row.

    The printed number is one run. With several seeds it is within when a prediction interval for one more run holds it,

        mean +- t s sqrt(1 + 1/S), t on S - 1 degrees of freedom,

    with one seed when two networks of these error rates could differ as much by the evaluation samples alone.
    """
    printed = row.published.top1_error_pct if row.published else None
    if printed is None:
        return {}
    paper = TableCell(value=printed, marks=(Mark.LITERATURE,))
    errors = outcome.errors(Measure.TOP1, spec.epoch)
    reason = _incomparable(outcome, plan)
    if reason or not errors:
        notes = (f"not compared with the paper: {reason or 'nothing is finished'}",)
        word = TableCell(word=Verdict.NOT_COMPARABLE, marks=(Mark.NOT_COMPARABLE,), notes=notes)
        return {Measure.PAPER: paper, Measure.PAPER_VERDICT: word}
    sample = summarize(errors)
    assert sample.mean is not None
    difference = sample.mean - printed
    half, note = _reach(outcome, sample.std, sample.mean, printed)
    verdict = Verdict.WITHIN if abs(difference) <= half + _ROUNDING else Verdict.OUTSIDE
    return {
        Measure.PAPER: paper,
        Measure.PAPER_DIFFERENCE: TableCell(value=difference, runs=outcome.runs),
        Measure.PAPER_VERDICT: TableCell(word=verdict, notes=(note,), runs=outcome.runs),
    }


def _incomparable(outcome: Outcome, plan: Plan) -> str:
    if plan.altered:
        return "the command line has changed the study's base"
    if outcome.status is RowStatus.PARTIAL:
        return "some of its seeds are missing"
    return "" if comparability.same_data([outcome]) else "its seeds were evaluated on different data"


def _reach(outcome: Outcome, std: float | None, mean: float, printed: float) -> tuple[float, str]:
    """How far off one more run may lie, and the footnote that says from what."""
    count = len(outcome.finished)
    if std is not None:
        t = -float(special.stdtrit(count - 1, (1 - LEVEL) / 2))
        return t * std * math.sqrt(
            1 + 1 / count
        ), f"paper: a 95 % prediction interval of {count} seeds for one more run"
    samples = min(run.result.last.samples for run in outcome.finished.values())
    spread = sum(rate * (POINTS - rate) for rate in (mean, printed)) / samples
    return (
        -float(special.ndtri((1 - LEVEL) / 2)) * math.sqrt(spread),
        "paper: one seed, so only what the evaluation samples could do, as if the two runs erred independently",
    )
