"""How wide a table will be in LaTeX, and what makes it fit: smaller type, and a label column that wraps.

The page is not known when a table is written, so its source asks `\\linewidth`: a table is set smaller where it would
stick out, and only there. Below the width that its smallest type needs it keeps that width, centered over both margins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from an_cli.report.spec import Measure
from an_cli.report.table import Column, Table
from an_cli.report.tex_text import MIXTURE
from an_cli.report.wording import LEFT, Printed, printed_rows

_NARROW = 300.0  # points; what is narrower fits the columns of any one-column paper as it is
_GAP = 6.0  # between columns of a wide table
_MARGIN = 1.04  # what the estimate may be wrong by
_SMALLER = (r"\small", r"\footnotesize", r"\scriptsize")
_DIGITS = (5.0, 4.63, 4.25, 3.99)  # points, in normal and in smaller type of a 10 pt article; small type is set wider
_CLASSES = (("iljft.,:;'!|I ", 3.1), ("()[]{}-rs", 3.95), ("mwMWQ%@&", 8.3), ("+\u00b1=<>~", 7.8))
_OTHERS, _CAPITALS = 5.2, 7.2


@dataclass(frozen=True)
class Fit:
    """How a table is set: its columns, commands before it, and the points that it needs; 0 if it fits any page.

    A table that needs some is set as wide as the text, and its labels wrap.
    """

    shape: str
    sizes: tuple[str, ...] = ()
    least_pt: int = 0


def fitted(table: Table) -> Fit:
    """What makes a table fit its page."""
    cells = dict(zip(table.columns, zip(*printed_rows(table), strict=True), strict=False))
    full = sum(
        max([_width(column.title), *map(_cell_width, cells.get(column, ()))]) + 2 * _GAP for column in table.columns
    )
    sides = ["l" if column.measure in LEFT else "r" for column in table.columns]
    if full <= _NARROW:
        return Fit("".join(sides))
    wrapped = _label_column(table)
    sides[table.columns.index(wrapped)] = r">{\raggedright\arraybackslash}X"
    needed = 0.0
    for column in table.columns:
        several = [
            _label_width(cell, table) if column is wrapped else _cell_width(cell) for cell in cells.get(column, ())
        ]
        needed += max([_width(column.title), *several])
    normal, *smaller = (round(needed * _MARGIN * digit / _DIGITS[0] + _GAP * (len(sides) - 1)) for digit in _DIGITS)
    starts = zip(_SMALLER, (normal, *smaller), strict=False)
    sizes = [rf"\ifdim\linewidth<{least}pt{command}\fi" for command, least in starts]
    return Fit("@{}" + "".join(sides) + "@{}", (*sizes, r"\setlength{\tabcolsep}{3pt}"), smaller[-1])


def _label_column(table: Table) -> Column:
    return next((one for one in table.columns if one.measure is Measure.DESIGN), table.columns[0])


def _cell_width(cell: Printed) -> float:
    text = f"{cell.number} \u00b1 {cell.spread}" if cell.spread else cell.number or cell.word
    return _width(f"{text} {cell.interval}".rstrip() + cell.bracket) + 3.5 * len(",".join(cell.marks))


def _label_width(cell: Printed, table: Table) -> float:
    """A label may take two lines, but is not broken within a word."""
    word = MIXTURE.sub("K=(00)", cell.word) if table.stacked_k else cell.word
    return max([0.55 * _width(word), *map(_width, word.split())]) + 3.5 * len(",".join(cell.marks))


def _width(text: str) -> float:
    """Points that a text takes in the normal type of a 10 pt article."""
    return sum([_char_width(char) for char in text])


@cache
def _char_width(char: str) -> float:
    for chars, width in _CLASSES:
        if char in chars:
            return width
    return _CAPITALS if char.isupper() else _OTHERS
