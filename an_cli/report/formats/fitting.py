"""How wide a table will be in LaTeX, and what makes it fit: smaller type, and a label column that wraps.

The page is not known when a table is written, so its source asks `\\linewidth`: a table is set smaller where it would
stick out, and only there. Below the width that its smallest type needs it goes across both columns; where that is too
narrow too, it keeps the width that it needs, and the LaTeX log says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from an_cli.report.formats.tex_text import MIXTURE
from an_cli.report.formats.wording import LEFT, Printed, printed_rows
from an_cli.report.spec import Quantity
from an_cli.report.table import Column, Table

_NARROW = 300.0  # points; what is narrower fits the columns of any one-column paper as it is
_GAP = 6.0  # between columns of a wide table
_MARGIN = 1.04  # what the estimate may be wrong by
_SMALLER = (r"\small", r"\footnotesize", r"\scriptsize")
_DIGITS = (5.0, 4.63, 4.25, 3.99)  # points, in normal and in smaller type of a 10 pt article; small type is set wider
_CLASSES = (("iljft.,:;'!|I ", 3.1), ("()[]{}-rs", 3.95), ("mwMWQ%@&", 8.3), ("+\u00b1=<>~", 7.8))
_OTHERS, _CAPITALS = 5.2, 7.2
_VERDICTS = (Quantity.DIFFERS, Quantity.PAPER_VERDICT)  # words beside the label that may take two lines


@dataclass(frozen=True)
class Fit:
    """How a table is set.

    Attributes:
        shape: its columns.
        least_pt: points that it needs at least, by an estimate that errs on the wide side.
        sizes: commands before it.
        wraps: whether it is set as wide as the text, its labels in several lines.
    """

    shape: str
    least_pt: int
    sizes: tuple[str, ...] = ()
    wraps: bool = False


def fitted(table: Table) -> Fit:
    """What makes a table fit its page."""
    cells = dict(zip(table.columns, zip(*printed_rows(table), strict=True), strict=False))
    full = sum(
        max([_width(column.title), *(_cell_width(cell, table) for cell in cells.get(column, ()))]) + 2 * _GAP
        for column in table.columns
    )
    sides = ["l" if column.measure in LEFT else "r" for column in table.columns]
    if full <= _NARROW:
        return Fit("".join(sides), round(full * _MARGIN))
    needs = {column: _needs(column, cells.get(column, ()), table) for column in table.columns}
    normal, *smaller = (
        round(sum(needs.values()) * _MARGIN * digit / _DIGITS[0] + _GAP * (len(sides) - 1)) for digit in _DIGITS
    )
    starts = zip(_SMALLER, (normal, *smaller), strict=False)
    sizes = [rf"\ifdim\linewidth<{least}pt{command}\fi" for command, least in starts]
    shape = _shape(table, sides, needs)
    return Fit(shape, smaller[-1], (*sizes, r"\setlength{\tabcolsep}{3pt}"), wraps=True)


def _shape(table: Table, sides: Sequence[str], needs: Mapping[Column, float]) -> str:
    """Columns that wrap share what the numbers leave, each in proportion to what it needs."""
    wrapped = [column for column in table.columns if _wraps(column, table)]
    mean = sum(needs[column] for column in wrapped) / len(wrapped)
    shapes = []
    for column, side in zip(table.columns, sides, strict=True):
        share = rf"\hsize={needs[column] / mean:.2f}\hsize" if len(wrapped) > 1 else ""
        shapes.append(rf">{{{share}\raggedright\arraybackslash}}X" if column in wrapped else side)
    return "@{}" + "".join(shapes) + "@{}"


def _needs(column: Column, cells: Sequence[Printed], table: Table) -> float:
    """Points that a column needs at least, in normal type."""
    texts = [_label_width(cell, table) if _wraps(column, table) else _cell_width(cell, table) for cell in cells]
    return max([_width(column.title), *texts])


def _wraps(column: Column, table: Table) -> bool:
    return column == _label_column(table) or column.measure in _VERDICTS


def _label_column(table: Table) -> Column:
    return next((column for column in table.columns if column.measure is Quantity.DESIGN), table.columns[0])


def _cell_width(cell: Printed, table: Table) -> float:
    text = f"{cell.number} \u00b1 {cell.spread}" if cell.spread else cell.number or _word(cell, table)
    return _width(f"{text} {cell.interval}".rstrip() + cell.bracket) + _marks_width(cell)


def _label_width(cell: Printed, table: Table) -> float:
    """A label may take two lines, but is not broken within a word."""
    word = _word(cell, table)
    return max([0.55 * _width(word), *map(_width, word.split())]) + _marks_width(cell)


def _word(cell: Printed, table: Table) -> str:
    return MIXTURE.sub("K=(00)", cell.word) if table.stacked_k else cell.word


def _marks_width(cell: Printed) -> float:
    return 3.5 * len(",".join(cell.marks))


def _width(text: str) -> float:
    """Points that a text takes in the normal type of a 10 pt article."""
    return sum([_char_width(char) for char in text])


@cache
def _char_width(char: str) -> float:
    for chars, width in _CLASSES:
        if char in chars:
            return width
    return _CAPITALS if char.isupper() else _OTHERS
