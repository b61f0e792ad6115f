"""What is said below a table of the whole of it: what is missing, which epoch, what differs, and how surely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from an_cli.config.task import Better, Measure
from an_cli.report.compare.gains import Gain, TableInputs, covers_of
from an_cli.report.formats.wording import clean
from an_cli.report.spec import EXTRAS, Epoch, Quantity, Spec
from an_cli.report.statistics.comparison import Covers
from an_cli.report.statistics.stopping import Rule
from an_cli.report.table import Mark, RowStatus, TableRow
from an_cli.store import Measures

_NAMED = 12  # rows in one sentence; of more, only their number
_COVERS = {
    Covers.SAMPLES: (
        "One seed: intervals and p-values ({method}) are of these trained networks alone and cover the evaluation "
        "samples only; nothing is claimed of their designs."
    ),
    Covers.SEEDS: "Intervals and p-values (t) cover seeds only where no record of single samples is there.",
    Covers.BOTH: "Intervals and p-values cover both seeds and evaluation samples.",
    Covers.NOTHING: "Where nothing is known of the spread, a difference stands without an interval.",
}


def general_notes(inputs: TableInputs, rows: Sequence[TableRow], gains: Mapping[str, Gain]) -> tuple[str, ...]:
    """What is to be said of the whole table."""
    trained, spec, measures = (
        [row for row in rows if row.status is not RowStatus.LITERATURE],
        inputs.spec,
        inputs.measures,
    )
    return (
        *_measured(spec, measures, trained),
        *_compared(spec, measures, trained, gains),
        *_stopping(spec, inputs.rule),
        *_columns(spec, measures, rows),
    )


def _measured(spec: Spec, measures: Measures, trained: Sequence[TableRow]) -> Iterator[str]:
    planned, there = sum(len(row.planned) for row in trained), sum(len(row.runs) for row in trained)
    if there < planned:
        yield f"Incomplete: {there} of {planned} runs."
    shown = [measure for measure in measures.all if measure.key in spec.columns]
    if shown:
        yield _epoch(spec, measures, shown)
    beside = [complement for complement in measures.complements if complement.measure.key in spec.columns]
    if beside:
        yield f"Accuracy: 100 - error rate of the {spec.epoch} epoch, in per cent; higher is better."
    if shown or beside or any(quantity in spec.columns for quantity in EXTRAS):
        yield from _spread(trained)


def _epoch(spec: Spec, measures: Measures, shown: Sequence[Measure]) -> str:
    """For example "Error rates of the last epoch, in per cent; lower is better."."""
    titles = " and ".join(measure.title for measure in shown)
    noun = measures.noun or titles[:1].upper() + titles[1:]
    by = "" if spec.epoch is Epoch.LAST else f" (by {measures.primary.title} on the evaluation set)"
    unit = ", in per cent" if all(measure.unit == "%" for measure in shown) else ""
    directions = {measure.better for measure in shown}
    if len(directions) == 1:
        return f"{noun} of the {spec.epoch} epoch{by}{unit}; {shown[0].better} is better."
    each = ", ".join(f"{measure.better} {measure.title}" for measure in shown)
    return f"{noun} of the {spec.epoch} epoch{by}{unit}; better are {each}."


def _spread(trained: Sequence[TableRow]) -> Iterator[str]:
    counts = sorted({len(row.seeds) for row in trained if row.seeds})
    if counts == [1]:
        yield "One seed per row: the spread between seeds is not known."
    elif counts:
        most = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
        yield f"Mean ± sample standard deviation over {most} seeds."


def _compared(spec: Spec, measures: Measures, trained: Sequence[TableRow], gains: Mapping[str, Gain]) -> Iterator[str]:
    primary = measures.primary
    if Quantity.GAIN in spec.columns and trained:
        better = "negative" if primary.better is Better.LOWER else "positive"
        yield f"vs. baseline: row - baseline, {_in_unit(primary)}, {_pairing(trained)}; {better} is better."
    comparisons = {
        label: comparison for label, gain in gains.items() if (comparison := gain.compared.get(primary.key)) is not None
    }
    if not comparisons or not {Quantity.GAIN, Quantity.DIFFERS} & set(spec.columns):
        yield from _best(spec, measures, trained)  # a mark that is printed is explained
        return
    if any(comparison.low is not None for comparison in comparisons.values()):
        yield "In square brackets: a 95 % interval of that comparison alone."
    methods = " or ".join(
        sorted({comparison.method for comparison in comparisons.values() if comparison.covers is Covers.SAMPLES})
    )
    yield from (_COVERS[covers].format(method=methods) for covers in Covers if covers in covers_of(gains, primary.key))
    if any(comparison.unclaimed in ("seeds failed", "incomplete") for comparison in comparisons.values()):
        yield "Nothing is claimed of a row whose planned seeds are missing or failed: those left may be the lucky ones."
    tested = {
        label: yes for label, comparison in comparisons.items() if (yes := comparison.separated(spec.alpha)) is not None
    }
    if tested:
        yield from _tested(spec, tested, gains)
    yield from _best(spec, measures, trained)


def _tested(spec: Spec, tested: Mapping[str, bool], gains: Mapping[str, Gain]) -> Iterator[str]:
    """By which test rows differ, and which do."""
    family = sum(bool(gain.reference and not gain.refused) for gain in gains.values())
    yield f"Tested by Holm at {spec.alpha * 100:g} % over the table's {_count(family, 'comparison')}."
    yield f"Differ: {_names(label for label, yes in tested.items() if yes)}."
    yield f"Not told apart: {_names(label for label, yes in tested.items() if not yes)}."


def _in_unit(measure: Measure) -> str:
    """What a difference is in: "in percentage points of an error rate", "in m of RMSE", "of RMSE"."""
    unit = "percentage points" if measure.unit == "%" else measure.unit
    return f"in {unit} of {measure.title}" if unit else f"of {measure.title}"


def _pairing(trained: Sequence[TableRow]) -> str:
    paired = {row.cell(Quantity.GAIN).paired for row in trained} - {None}
    if paired == {False}:
        return "of the means over all seeds"
    return "paired by seed where both rows have the same seeds" if False in paired else "paired by seed"


def _best(spec: Spec, measures: Measures, trained: Sequence[TableRow]) -> Iterator[str]:
    every = (*measures.all, *(complement.measure for complement in measures.complements))
    shown = [measure for measure in every if measure.key in spec.columns]
    own = [measure for measure in shown if measure.key in measures] or shown  # a complement is marked as its measure is
    directions = {measure.better for measure in own}
    least = "best" if len(directions) > 1 else "lowest" if Better.LOWER in directions else "highest"
    marks = {mark for row in trained for measure in shown for mark in row.cell(measure.key).marks}
    if Mark.BEST in marks:
        yield f"Bold (*): the {least} of its group, told apart from every other row of it."
    if Mark.TIED in marks:
        yield f"Underlined (~): the {least} of its group and those not told apart from it; the best is not known."


def _stopping(spec: Spec, rule: Rule | None) -> Iterator[str]:
    if rule is not None:
        counts = ", ".join(map(str, rule.seeds_at))
        yield (
            f"Seeds were added until rows were told apart: looks at {counts} seeds. p-values and intervals allow "
            f"for the looks (alpha spending, {spec.alpha * 100:g} % in total); none of the rows is marked as best."
        )


def _columns(spec: Spec, measures: Measures, rows: Sequence[TableRow]) -> Iterator[str]:
    if spec.brackets and any(row.cell(key).bracket is not None for row in rows for key in measures.keys):
        points = ", in percentage points" if all(measure.unit == "%" for measure in measures.all) else ""
        yield f"In round brackets: the improvement by AN{points}."
    if Quantity.MACS in spec.columns:
        yield "FLOPs: multiply-accumulates of convolutions and fully connected layers, for one image."


def _names(labels: Iterator[str]) -> str:
    names = [clean(label) for label in labels]
    if len(names) > _NAMED:
        return f"{len(names)} rows"
    return "; ".join(names) or "none"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
