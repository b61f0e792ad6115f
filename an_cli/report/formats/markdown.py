"""Table -> GitHub's Markdown."""

from __future__ import annotations

import re

from an_cli.report.formats.wording import LEFT, Printed, clean, printed_rows
from an_cli.report.table import Table

_ACTIVE = re.compile(r"([\\`|*\[\]<>~$])|(?<![0-9A-Za-z])(_)|(_)(?![0-9A-Za-z])|(&)(?=#?\w+;)")


def markdown(table: Table) -> str:
    """A caption, a table with aligned columns, footnotes.

    Args:
        table: what to print.

    Returns:
        Text that ends in a newline.
    """
    head = [escape(column.title) for column in table.columns]
    body = [[*map(_cell, cells)] for cells in printed_rows(table)]
    widths = [max(3, *(len(line[index]) for line in [head, *body])) for index in range(len(head))]
    left = [column.measure in LEFT for column in table.columns]
    rule = ["-" * width if text else "-" * (width - 1) + ":" for width, text in zip(widths, left, strict=True)]
    lines = [f"**{escape(table.caption)}**", "", *(_line(line, widths, left) for line in (head, rule, *body)), ""]
    lines += [f"<sup>{mark}</sup> {escape(text)}  " for text, mark in table.footnotes.items()]
    lines += [f"{escape(note)}  " for note in table.notes]
    return "\n".join(line.rstrip() if index + 1 == len(lines) else line for index, line in enumerate(lines)) + "\n"


def _line(cells: list[str], widths: list[int], left: list[bool]) -> str:
    padded = [
        cell.ljust(width) if text else cell.rjust(width) for cell, width, text in zip(cells, widths, left, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _cell(cell: Printed) -> str:
    number = f"**{cell.number}**" if cell.best else f"<u>{cell.number}</u>" if cell.tied else cell.number
    number += f" ({cell.bracket})" if cell.bracket else ""
    body = f"{number} ± {cell.spread}" if cell.spread else number
    body += f" {escape(cell.interval)}" if cell.interval else ""
    return (body or escape(cell.word)) + (f" <sup>{','.join(cell.marks)}</sup>" if cell.marks else "")


def escape(text: str) -> str:
    """A text in which nothing is Markdown or HTML."""
    return _ACTIVE.sub(r"\\\g<0>", clean(text))
