"""What is said below a table of the whole of it: what is missing, which epoch, what differs, and how surely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from an_cli.report.comparison import Covers
from an_cli.report.decide import Rule
from an_cli.report.gains import Gain, covers_of
from an_cli.report.spec import ACCURACIES, EXTRAS, Epoch, Measure, Spec
from an_cli.report.table import Mark, RowStatus, TableRow
from an_cli.report.wording import clean

_ERRORS = (Measure.TOP1, Measure.TOP5)
_NAMED = 12  # rows in one sentence; of more, only their number
_EPOCHS = {
    Epoch.LAST: "Error rates of the last epoch, in per cent; lower is better.",
    Epoch.BEST: "Error rates of the best epoch (by top-1 error on the evaluation set), in per cent; lower is better.",
}
_COVERS = {
    Covers.SAMPLES: (
        "One seed: intervals and p-values (exact McNemar) are of these trained networks alone and cover the evaluation "
        "samples only; nothing is claimed of their designs."
    ),
    Covers.SEEDS: "Intervals and p-values (t) cover seeds only where no record of single samples is there.",
    Covers.BOTH: "Intervals and p-values cover both seeds and evaluation samples.",
    Covers.NOTHING: "Where nothing is known of the spread, a difference stands without an interval.",
}


def general_notes(
    spec: Spec, rows: Sequence[TableRow], gains: Mapping[str, Gain], rule: Rule | None
) -> tuple[str, ...]:
    """What is to be said of the whole table."""
    trained = [row for row in rows if row.status is not RowStatus.LITERATURE]
    return (*_measured(spec, trained), *_compared(spec, trained, gains), *_stopping(spec, rule), *_columns(spec, rows))


def _measured(spec: Spec, trained: Sequence[TableRow]) -> Iterator[str]:
    planned, there = sum(len(row.planned) for row in trained), sum(len(row.runs) for row in trained)
    if there < planned:
        yield f"Incomplete: {there} of {planned} runs."
    if any(measure in spec.columns for measure in _ERRORS):
        yield _EPOCHS[spec.epoch]
    if any(measure in spec.columns for measure in ACCURACIES):
        yield f"Accuracy: 100 - error rate of the {spec.epoch} epoch, in per cent; higher is better."
    if any(measure in spec.columns for measure in (*_ERRORS, *EXTRAS)):
        yield from _spread(trained)


def _spread(trained: Sequence[TableRow]) -> Iterator[str]:
    counts = sorted({len(row.seeds) for row in trained if row.seeds})
    if counts == [1]:
        yield "One seed per row: the spread between seeds is not known."
    elif counts:
        most = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
        yield f"Mean ± sample standard deviation over {most} seeds."


def _compared(spec: Spec, trained: Sequence[TableRow], gains: Mapping[str, Gain]) -> Iterator[str]:
    if Measure.GAIN in spec.columns and trained:
        yield (
            "vs. baseline: row - baseline, in percentage points of top-1 error, "
            f"{_pairing(trained)}; negative is better."
        )
    found = {label: one for label, gain in gains.items() if (one := gain.compared.get(Measure.TOP1)) is not None}
    if not found or not {Measure.GAIN, Measure.DIFFERS} & set(spec.columns):
        yield from _best(spec, trained)  # a mark that is printed is explained
        return
    if any(one.low is not None for one in found.values()):
        yield "In square brackets: a 95 % interval of that comparison alone."
    yield from (_COVERS[covers] for covers in Covers if covers in covers_of(gains, Measure.TOP1))
    if any(one.unclaimed in ("seeds failed", "incomplete") for one in found.values()):
        yield "Nothing is claimed of a row whose planned seeds are missing or failed: those left may be the lucky ones."
    tested = {label: yes for label, one in found.items() if (yes := one.separated(spec.alpha)) is not None}
    if tested:
        family = sum(bool(gain.reference and not gain.refused) for gain in gains.values())
        yield f"Tested by Holm at {spec.alpha * 100:g} % over the table's {_count(family, 'comparison')}."
        yield f"Differ: {_names(label for label, yes in tested.items() if yes)}."
        yield f"Not told apart: {_names(label for label, yes in tested.items() if not yes)}."
    yield from _best(spec, trained)


def _pairing(trained: Sequence[TableRow]) -> str:
    paired = {row.cell(Measure.GAIN).paired for row in trained} - {None}
    if paired == {False}:
        return "of the means over all seeds"
    return "paired by seed where both rows have the same seeds" if False in paired else "paired by seed"


def _best(spec: Spec, trained: Sequence[TableRow]) -> Iterator[str]:
    shown = [measure for measure in (*_ERRORS, *ACCURACIES) if measure in spec.columns]
    least = "highest" if shown and all(measure in ACCURACIES for measure in shown) else "lowest"
    marks = {mark for row in trained for measure in shown for mark in row.cell(measure).marks}
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


def _columns(spec: Spec, rows: Sequence[TableRow]) -> Iterator[str]:
    if spec.brackets and any(row.cell(measure).bracket is not None for row in rows for measure in _ERRORS):
        yield "In round brackets: the improvement by AN, in percentage points."
    if Measure.MACS in spec.columns:
        yield "FLOPs: multiply-accumulates of convolutions and fully connected layers, for one image."


def _names(labels: Iterator[str]) -> str:
    found = [clean(label) for label in labels]
    if len(found) > _NAMED:
        return f"{len(found)} rows"
    return "; ".join(found) or "none"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
