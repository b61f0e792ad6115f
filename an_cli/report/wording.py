"""How numbers, titles and notes are worded, the same in every format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from an_cli.report.spec import Epoch, Measure, Spec
from an_cli.report.table import Column, Direction, Mark, RowStatus, Table, TableCell, TableRow

DASH = "–"  # noqa: RUF001 (an en dash is what a missing number prints as)
_TITLES = {
    Measure.DESIGN: "design",
    Measure.SEEDS: "seeds",
    Measure.PARAMS: "#Params",
    Measure.MACS: "FLOPs",
    Measure.TOP1: "top-1 (%)",
    Measure.TOP5: "top-5 (%)",
    Measure.GAIN: "vs. baseline",
}
_ERRORS = (Measure.TOP1, Measure.TOP5)
_EPOCHS = {
    Epoch.LAST: "Error rates of the last epoch, in per cent; lower is better.",
    Epoch.BEST: "Error rates of the best epoch (by top-1 error on the evaluation set), in per cent; lower is better.",
}


@dataclass(frozen=True)
class Printed:
    """A cell ready to be set: a number with its spread, or a word in its place, and its footnote marks."""

    number: str = ""
    spread: str = ""
    word: str = ""
    marks: tuple[str, ...] = ()


def columns_of(spec: Spec) -> tuple[Column, ...]:
    """The columns that a spec names."""
    return tuple(_column(measure, spec) for measure in spec.columns)


def _column(measure: Measure, spec: Spec) -> Column:
    lower = measure in (*_ERRORS, Measure.GAIN)
    return Column(
        measure=measure,
        title=_TITLES[measure],
        direction=Direction.LOWER if lower else Direction.NONE,
        decimals=spec.decimals if lower else 0,
    )


def general_notes(spec: Spec, rows: Sequence[TableRow]) -> tuple[str, ...]:
    """What is to be said of the whole table."""
    return tuple(_general(spec, [row for row in rows if row.status is not RowStatus.LITERATURE]))


def _general(spec: Spec, trained: Sequence[TableRow]) -> Iterator[str]:
    planned, there = sum(len(row.planned) for row in trained), sum(len(row.runs) for row in trained)
    if there < planned:
        yield f"Incomplete: {there} of {planned} runs."
    if any(measure in spec.columns for measure in _ERRORS):
        yield _EPOCHS[spec.epoch]
        yield from _spread_note(trained)
    if Measure.GAIN in spec.columns and trained:
        yield "vs. baseline: row - baseline, in percentage points of top-1 error, paired by seed; negative is better."
    if Measure.MACS in spec.columns:
        yield "FLOPs: multiply-accumulates of convolutions and fully connected layers, for one image."


def _spread_note(trained: Sequence[TableRow]) -> Iterator[str]:
    counts = sorted({len(row.seeds) for row in trained if row.seeds})
    if counts == [1]:
        yield "One seed per row: the spread between seeds is not known."
    elif counts:
        most = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
        yield f"Mean ± sample standard deviation over {most} seeds."


def printed(table: Table, row: TableRow, column: Column, marks: dict[str, str]) -> Printed:
    """One cell in words.

    Args:
        table: the table that it stands in.
        row: its row.
        column: its column.
        marks: footnote text -> mark (`table.footnotes`).
    """
    if column.measure is Measure.DESIGN:
        return Printed(word=clean(row.label), marks=tuple(marks[note] for note in row.notes))
    if column.measure is Measure.SEEDS:
        return Printed(word=_seeds(row))
    cell = row.cells[column.measure]
    said = tuple(marks[note] for note in cell.notes)
    if cell.value is None:
        return Printed(word="baseline" if Mark.BASELINE in cell.marks else DASH, marks=said)
    number, spread = _numbers(cell, column)
    return Printed(number=number, spread=spread, marks=said)


def _seeds(row: TableRow) -> str:
    if row.status is RowStatus.LITERATURE:
        return DASH
    done, planned = len(row.seeds), len(row.planned)
    return str(done) if done == planned else f"{done} of {planned}"


def _numbers(cell: TableCell, column: Column) -> tuple[str, str]:
    assert cell.value is not None
    match column.measure:
        case Measure.PARAMS | Measure.MACS:
            return count_text(cell.value, column.measure), ""
        case Measure.GAIN:
            number = signed_text(cell.value, column.decimals)
        case _:
            number = f"{cell.value:.{column.decimals}f}"
    return number, "" if cell.spread is None else f"{cell.spread:.{column.decimals}f}"


def signed_text(value: float, decimals: int) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    text = f"{value:+.{decimals}f}"
    return text if text.strip("+-0.") else text[1:]


def count_text(count: float, measure: Measure) -> str:
    """Parameters as 25.76M, 78.1k or 512; MACs as 4.09G, 12.3M or 78.1k."""
    steps = _MACS if measure is Measure.MACS else _PARAMS
    texts = [(f"{count / unit:.{decimals}f}", letter) for unit, letter, decimals in steps]
    number, letter = next((text for text in texts if float(text[0]) < 1000), texts[-1])
    return number + letter


_PARAMS = ((1, "", 0), (1e3, "k", 1), (1e6, "M", 2))
_MACS = ((1, "", 0), (1e3, "k", 1), (1e6, "M", 1), (1e9, "G", 2))


def clean(text: str) -> str:
    """A text on one line, without characters that steer a terminal or the direction of writing."""
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or _visible(char))
    return re.sub(r" +", " ", kept).strip()


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
