"""Table -> plain text for a terminal."""

from __future__ import annotations

import textwrap
import unicodedata

from an_cli.report.table import Table
from an_cli.report.wording import LEFT, Printed, clean, printed

_WIDTH = 100  # of captions and footnotes; the columns take what they need


def terminal(table: Table) -> str:
    """A caption, aligned columns, footnotes; groups stand apart.

    Args:
        table: what to print.

    Returns:
        Text without control characters that ends in a newline.
    """
    marks = table.footnotes
    head = [column.title for column in table.columns]
    body = [[_cell(printed(table, row, column, marks)) for column in table.columns] for row in table.rows]
    widths = [max(_wide(line[index]) for line in [head, *body]) for index in range(len(head))]
    left = [column.measure in LEFT for column in table.columns]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [*_wrapped("", table.caption), "", _line(head, widths, left), rule]
    for index, cells in enumerate(body):
        if index and table.rows[index].group != table.rows[index - 1].group:
            lines.append("")
        lines.append(_line(cells, widths, left))
    lines += [rule, *(line for text, mark in marks.items() for line in _wrapped(f"[{mark}] ", text))]
    lines += [line for note in table.notes for line in _wrapped("", note)]
    return "\n".join(lines) + "\n"


def _cell(cell: Printed) -> str:
    number = cell.number + ("*" if cell.best else "~" if cell.tied else "")
    number += f" ({cell.bracket})" if cell.bracket else ""
    body = f"{number} ± {cell.spread}" if cell.spread else number or cell.word
    body += f" {cell.interval}" if cell.interval else ""
    return body + (f" [{','.join(cell.marks)}]" if cell.marks else "")


def _line(cells: list[str], widths: list[int], left: list[bool]) -> str:
    padded = []
    for cell, width, text in zip(cells, widths, left, strict=True):
        space = " " * (width - _wide(cell))
        padded.append(cell + space if text else space + cell)
    return "  ".join(padded).rstrip()


def _wide(text: str) -> int:
    """Terminal columns that a text takes."""
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text if not unicodedata.combining(char)
    )


def _wrapped(prefix: str, text: str) -> list[str]:
    return textwrap.wrap(clean(text), _WIDTH, initial_indent=prefix, subsequent_indent=" " * len(prefix)) or [prefix]
