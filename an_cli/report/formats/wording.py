"""How numbers and titles are worded, the same in every format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from an_cli.config.task import Measure
from an_cli.errors import bytes_shown
from an_cli.report.spec import ABOUT_PAPER, TEXTS, Quantity, Spec
from an_cli.report.table import Column, Direction, Mark, RowStatus, Table, TableCell, TableRow, is_setting
from an_cli.store import DETECTION, Measures

DASH = "–"  # noqa: RUF001 (an en dash is what a missing number prints as)
_TITLES = {
    Quantity.DESIGN: "design",
    Quantity.ARCHITECTURE: "architecture",
    Quantity.BACKBONE: "backbone",
    Quantity.HEAD: "head",
    Quantity.SEEDS: "seeds",
    Quantity.PARAMS: "#Params",
    Quantity.MACS: "FLOPs",
    Quantity.LOSS: "loss",
    Quantity.TRAIN_TIME: "train (s)",
    Quantity.GAIN: "vs. baseline",
    Quantity.DIFFERS: "differs?",
    Quantity.PAPER: "paper",
    Quantity.PAPER_DIFFERENCE: "ours - paper",
    Quantity.PAPER_VERDICT: "verdict",
}
_SIGNED = (Quantity.GAIN, Quantity.PAPER_DIFFERENCE)
LEFT = (*TEXTS, Quantity.DIFFERS, Quantity.PAPER_VERDICT)  # words, not numbers
_OWN_DECIMALS = {Quantity.LOSS: 4, Quantity.TRAIN_TIME: 1}
_OF_PRIMARY = (Quantity.PAPER, *_SIGNED)


@dataclass(frozen=True)
class Printed:
    """A cell ready to be set: a number with its spread, interval and bracket, or a word in its place; its marks."""

    number: str = ""
    spread: str = ""
    word: str = ""
    marks: tuple[str, ...] = ()
    interval: str = ""
    bracket: str = ""
    best: bool = False
    tied: bool = False


def columns_of(spec: Spec, rows: Sequence[TableRow], measures: Measures) -> tuple[Column, ...]:
    """The columns that a spec names; those about the paper only where the table has a published row to compare."""
    published = any(Quantity.PAPER in row.cells for row in rows)
    return tuple(
        _column(measure, spec, measures) for measure in spec.columns if published or measure not in ABOUT_PAPER
    )


def decimals_of(measure: Measure, spec: Spec) -> int:
    """Of a measure and its differences: as the spec says, else as declared."""
    return measure.decimals if spec.decimals is None else spec.decimals


def _column(key: str, spec: Spec, measures: Measures) -> Column:
    if isinstance(key, Quantity):
        primary = measures.primary
        of_primary = key in _OF_PRIMARY
        return Column(
            measure=key,
            title=_TITLES[key],
            direction=Direction(primary.better) if of_primary else Direction.NONE,
            decimals=decimals_of(primary, spec) if of_primary else _OWN_DECIMALS.get(key, 0),
        )
    for own, decimals in ((measures, spec.decimals), (DETECTION, None)):
        with suppress(KeyError):
            measure = own[key]
            return Column(
                measure=key,
                title=measure.head,
                direction=Direction(measure.better),
                decimals=measure.decimals if decimals is None else decimals,
            )
    return Column(measure=key, title=key, direction=Direction.NONE)


@lru_cache(maxsize=2)
def printed_rows(table: Table) -> tuple[tuple[Printed, ...], ...]:
    """Every cell in words, row by row; all formats print the same, so they are worded once."""
    # A row's own footnotes stand at its label; a detector's label is its backbone.
    where = next((column for column in table.columns if column.measure is Quantity.BACKBONE), table.columns[0])
    return tuple(tuple(_printed(table, row, column, where) for column in table.columns) for row in table.rows)


def _printed(table: Table, row: TableRow, column: Column, where: Column) -> Printed:
    """One cell in words; the row's own footnotes stand in the column `where`."""
    marks = table.footnotes
    noted = tuple(marks[note] for note in row.notes) if column is where else ()
    if column.measure is Quantity.DESIGN:
        return Printed(word=clean(row.title or row.label), marks=noted)
    if column.measure is Quantity.SEEDS:
        return Printed(word=_seeds(row), marks=noted)
    if is_setting(column):
        return Printed(word=_setting(row.config.get(column.measure)), marks=noted)
    cell = row.cell(column.measure)
    footnotes = (*noted, *(marks[note] for note in cell.notes))
    if column.measure is Quantity.DIFFERS:
        return Printed(word=differs_text(cell, table.alpha), marks=footnotes)
    if cell.value is None:
        word = clean(cell.word) if column.measure in (*TEXTS, Quantity.PAPER_VERDICT) else ""
        return Printed(word=word or ("baseline" if Mark.BASELINE in cell.marks else DASH), marks=footnotes)
    return _number(table, cell, column, footnotes)


def _number(table: Table, cell: TableCell, column: Column, footnotes: tuple[str, ...]) -> Printed:
    number, spread = _numbers(cell, column)
    interval = interval_text(cell, column.decimals) if column.measure is Quantity.GAIN else ""
    bracket = "" if cell.bracket is None or not table.brackets else f"{cell.bracket + 0.0:.{column.decimals}f}"
    return Printed(
        number=number,
        spread="" if interval else spread,
        marks=footnotes,
        interval=interval,
        bracket=bracket.removeprefix("-") if not bracket.strip("-0.") else bracket,
        best=Mark.BEST in cell.marks,
        tied=Mark.TIED in cell.marks,
    )


def _setting(value: object) -> str:
    """A value of the config as it is typed; a dash where a network has no such key."""
    if value is None or isinstance(value, bool):
        return DASH if value is None else str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else clean(str(value))


def _seeds(row: TableRow) -> str:
    if row.status is RowStatus.LITERATURE:
        return DASH
    done, planned = len(row.seeds), len(row.planned)
    return str(done) if done == planned else f"{done} of {planned}"


def _numbers(cell: TableCell, column: Column) -> tuple[str, str]:
    assert cell.value is not None
    if isinstance(column.measure, Quantity) and column.measure in (Quantity.PARAMS, Quantity.MACS):
        return count_text(cell.value, column.measure), ""
    signed = column.measure in _SIGNED
    number = signed_text(cell.value, column.decimals) if signed else f"{cell.value:.{column.decimals}f}"
    return number, "" if cell.spread is None else f"{cell.spread:.{column.decimals}f}"


def interval_text(cell: TableCell, decimals: int) -> str:
    """For example "[-0.87, +0.37]"; empty where no interval is known."""
    comparison = cell.comparison
    if comparison is None or comparison.low is None or comparison.high is None:
        return ""
    return f"[{signed_text(comparison.low, decimals)}, {signed_text(comparison.high, decimals)}]"


def differs_text(cell: TableCell, alpha: float) -> str:
    """Whether two rows are told apart: "yes, p=0.003", "not told apart, p=0.41"; or why nothing is claimed."""
    comparison = cell.comparison
    if comparison is None:
        return "baseline" if Mark.BASELINE in cell.marks else DASH
    separated = comparison.separated(alpha)
    p = comparison.p_table if comparison.p_table is not None else comparison.p
    if comparison.unclaimed:
        return comparison.unclaimed if p is None else f"{comparison.unclaimed}, {p_text(p)}"
    if separated is None or p is None:
        return "not tested"
    return f"{'yes' if separated else 'not told apart'}, {p_text(p)}"


def p_text(p: float) -> str:
    """A p-value as it is printed: "p<0.001", "p=0.024", "p=0.41", "p=1"."""
    if p < 0.001:
        return "p<0.001"
    return f"p={p:.3f}" if p < 0.1 else f"p={p:.2f}" if p < 0.995 else "p=1"


def signed_text(value: float, decimals: int) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    text = f"{value:+.{decimals}f}"
    return text if text.strip("+-0.") else text[1:]


def count_text(count: float, measure: Quantity) -> str:
    """Parameters as 25.76M, 78.1k or 512; MACs as 4.09G, 0.34G, 12.3M or 78.1k."""
    steps = _MACS if measure is Quantity.MACS else _PARAMS
    texts = [(f"{count / unit:.{decimals}f}", letter, below) for unit, letter, decimals, below in steps]
    number, letter, _ = next((text for text in texts if float(text[0]) < text[2]), texts[-1])
    return number + letter


_PARAMS = ((1, "", 0, 1000), (1e3, "k", 1, 1000), (1e6, "M", 2, 1000))
_MACS = ((1, "", 0, 1000), (1e3, "k", 1, 1000), (1e6, "M", 1, 100), (1e9, "G", 2, 1000))  # the paper has 0.34G


def clean(text: str) -> str:
    """A text on one line, without characters that steer a terminal or the direction of writing."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = bytes_shown(text)
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or _visible(char))
    return re.sub(r" +", " ", kept).strip()


def _visible(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
