"""Aligned columns as plain text: as wide as needed in a pipe and in a file, fitted on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from an_cli.console.medium import FILE, Medium, width_of
from an_cli.report.formats.layout import GAP, ColumnHead, TextCell, lay_out, wrap


def terminal_width() -> int | None:
    """Columns of the terminal that is printed to, or what COLUMNS says; None in a pipe or a file."""
    return width_of(sys.stdout)


def align(
    head: Sequence[str],
    body: Sequence[Sequence[str | TextCell]],
    *,
    left: Sequence[int] = (0,),
    on: Medium = FILE,
    weights: Mapping[str, int] | None = None,
    elsewhere: str = "--json",
) -> str:
    """A header and rows in columns.

    Args:
        head: column titles.
        body: rows of as many texts, or texts with a style.
        left: indices of columns that are set flush left and may take several lines; the others hold numbers, are set
            flush right and never broken.
        on: what it is printed to.
        weights: titles of columns that a narrow terminal may go without; the heaviest goes first.
        elsewhere: where to see the columns that are left out.

    Returns:
        Lines without trailing spaces; the last one ends in a newline.
    """
    heads = [
        ColumnHead(title=title, words=index in left, weight=(weights or {}).get(title, 0))
        for index, title in enumerate(head)
    ]
    rows = [[cell if isinstance(cell, TextCell) else TextCell(cell) for cell in line] for line in body]
    layout = lay_out(heads, rows, on.width, on.paint)
    rule = GAP.join("-" * width for width in layout.widths) if len(layout.widths) else "-" * layout.extent
    lines = [*layout.head, rule, *(line for row in layout.rows for line in row)]
    if layout.hidden:
        note = f"not shown in {on.width} columns: {', '.join(layout.hidden)}; {elsewhere} has them"
        lines += [on.paint(line, "dim") for line in wrap(note, on.width or len(note))]
    return "\n".join(lines) + "\n"


def prose(text: str, on: Medium = FILE, *, later: str = "", style: str = "") -> str:
    """A line of text, on a terminal broken between words; ends in a newline.

    Args:
        text: what is said.
        on: what it is printed to.
        later: indent of the lines after the first.
        style: that it is painted in.
    """
    indent = text[: len(text) - len(text.lstrip(" "))]
    lines = [text] if on.width is None else wrap(text.strip(), on.width, first=indent, later=later or indent)
    return "".join(f"{on.paint(line, style)}\n" for line in lines)
