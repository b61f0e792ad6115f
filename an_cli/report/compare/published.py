"""Ours beside the paper's: the printed number, the difference, and whether ours could have given it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

from scipy import special

from an_cli.plan import Plan, PlanRow
from an_cli.report.compare.gains import TableInputs, refusal_between
from an_cli.report.evidence import comparability
from an_cli.report.evidence.outcome import RowOutcome
from an_cli.report.spec import Quantity
from an_cli.report.statistics.inference import LEVEL, POINTS
from an_cli.report.statistics.seeds import summarize
from an_cli.report.table import Mark, RowStatus, TableCell

_ROUNDING = 0.005  # points: the paper prints two decimals


class PaperVerdict(StrEnum):
    """Whether the printed number could have been one more run of ours."""

    WITHIN = "within"
    OUTSIDE = "outside"
    GAIN_LOST = "gain lost"  # the level is within, and most of the printed gain over the baseline is not there
    NOT_COMPARABLE = "not comparable"


def beside_paper(row: PlanRow, inputs: TableInputs) -> Mapping[str, TableCell]:
    """The cells of the columns "paper", "difference" and "verdict"; empty ones where the paper has no such row.

    The printed number is one run on the same evaluation images. With several seeds it is within when a prediction
    interval for one more run holds it,

        mean +- t s sqrt(1 + 1/S), t on S - 1 degrees of freedom,

    with one seed when two runs could differ as much that err together on half of their errors, as two runs of one
    network at least do. A level within does not do where the gain over the group's baseline is printed too, and less
    than half of it was found.
    """
    primary = inputs.measures.primary
    outcome, printed = inputs.outcomes[row.label], row.published.values.get(primary.key) if row.published else None
    if printed is None:
        return {}
    paper = TableCell(value=printed, marks=(Mark.LITERATURE,))
    values = outcome.values(primary.key, inputs.spec.epoch)
    reason = _incomparable(outcome, inputs.plan)
    if reason or not values:
        notes = (f"not compared with the paper: {reason or 'nothing is finished'}",)
        word = TableCell(word=PaperVerdict.NOT_COMPARABLE, marks=(Mark.NOT_COMPARABLE,), notes=notes)
        return {Quantity.PAPER: paper, Quantity.PAPER_VERDICT: word}
    sample = summarize(values)
    assert sample.mean is not None
    verdict, note = _verdict(row, sample.mean, sample.std, printed, inputs)
    return {
        Quantity.PAPER: paper,
        Quantity.PAPER_DIFFERENCE: TableCell(value=sample.mean - printed, runs=outcome.runs),
        Quantity.PAPER_VERDICT: TableCell(word=verdict, notes=(note,), runs=outcome.runs),
    }


def _verdict(
    row: PlanRow, mean: float, std: float | None, printed: float, inputs: TableInputs
) -> tuple[PaperVerdict, str]:
    """Whether our mean is within reach of the printed number, and the footnote that says by what."""
    half, note = _reach(inputs.outcomes[row.label], std, printed)
    verdict = PaperVerdict.WITHIN if abs(mean - printed) <= half + _ROUNDING else PaperVerdict.OUTSIDE
    gains = _gains(row, mean, printed, inputs)
    if verdict is PaperVerdict.WITHIN and gains is not None and gains[0] < gains[1] / 2:
        verdict = PaperVerdict.GAIN_LOST
    gains_text = "" if gains is None else f"; gain over the baseline {gains[0]:+.2f}, printed {gains[1]:+.2f}"
    return verdict, f"{note}; ours of the {inputs.spec.epoch} epoch{gains_text}"


def _gains(row: PlanRow, mean: float, printed: float, inputs: TableInputs) -> tuple[float, float] | None:
    """Our gain over the group's baseline and the printed one; None where either is not there, or none was printed."""
    baseline = inputs.baselines.get(row.group)
    if baseline is None or baseline.label == row.label or baseline.published is None:
        return None
    primary = inputs.measures.primary
    level = baseline.published.values.get(primary.key)
    outcome = inputs.outcomes.get(baseline.label)
    ours = summarize(outcome.values(primary.key, inputs.spec.epoch)).mean if outcome else None
    if ours is None or level is None or refusal_between(row.label, baseline.label, inputs):
        return None
    gain, promised = (primary.better.sign * (new - old) for new, old in ((mean, ours), (printed, level)))
    return (gain, promised) if promised > 0 else None


def _incomparable(outcome: RowOutcome, plan: Plan) -> str:
    if plan.altered:
        return "the command line has changed the study's base"
    if outcome.status is RowStatus.PARTIAL:
        return "some of its seeds are missing"
    return "" if comparability.same_data([outcome]) else "its seeds were evaluated on different data"


def _reach(outcome: RowOutcome, std: float | None, printed: float) -> tuple[float, str]:
    """How far off one more run may lie, and the footnote that says from what."""
    count = len(outcome.finished)
    if std is not None:
        t = -float(special.stdtrit(count - 1, (1 - LEVEL) / 2))
        half = t * std * math.sqrt(1 + 1 / count)
        return half, f"paper: a 95 % prediction interval of {count} seeds for one more run"
    samples = min(run.result.last.samples for run in outcome.finished.values())
    # Two runs of p % errors that share half of them disagree on p % of the samples.
    half = -float(special.ndtri((1 - LEVEL) / 2)) * math.sqrt(printed * POINTS / samples / 2)
    return half, "paper: one seed, so only what the shared evaluation samples could do"
