"""Table -> plain text for a terminal."""

from __future__ import annotations

import textwrap
import unicodedata

from an_cli.report.table import Table
from an_cli.report.wording import LEFT, Printed, clean, printed_rows

_WIDTH = 100  # of captions and footnotes, at most
_NARROWEST = 20
_GAP, _INDENT = "  ", "  "


def terminal(table: Table, width: int | None = None) -> str:
    """A caption, aligned columns, footnotes; groups stand apart.

    Args:
        table: what to print.
        width: columns of the terminal; where a row does not fit, its cells go on in further lines, still aligned.
            None takes what the table needs.

    Returns:
        Text without control characters that ends in a newline.
    """
    head = [column.title for column in table.columns]
    body = [[*map(_cell, cells)] for cells in printed_rows(table)]
    widths = [max(_wide(line[index]) for line in [head, *body]) for index in range(len(head))]
    left = [column.measure in LEFT for column in table.columns]
    room = sum(widths) + len(_GAP) * (len(widths) - 1) if width is None else max(width, _NARROWEST)
    groups = _broken(widths, room)
    rule = "─" * max(_extent(widths, part) + (len(_INDENT) if part.start else 0) for part in groups)
    rule = rule[:room]
    prose = _WIDTH if width is None else min(_WIDTH, room)
    lines = [*_wrapped("", table.caption, prose), "", *_lines(head, widths, left, groups, room), rule]
    for index, cells in enumerate(body):
        if index and table.rows[index].group != table.rows[index - 1].group:
            lines.append("")
        lines += _lines(cells, widths, left, groups, room)
    lines += [rule, *(line for text, mark in table.footnotes.items() for line in _wrapped(f"[{mark}] ", text, prose))]
    lines += [line for note in table.notes for line in _wrapped("", note, prose)]
    return "\n".join(lines) + "\n"


def _broken(widths: list[int], room: int) -> list[range]:
    """The columns that share a line, for each line that a row takes; all but the first are indented."""
    parts = [range(1)]
    for index in range(1, len(widths)):
        longer = range(parts[-1].start, index + 1)
        fits = _extent(widths, longer) + (len(_INDENT) if longer.start else 0) <= room
        parts[-1:] = [longer] if fits else [parts[-1], range(index, index + 1)]
    return parts


def _extent(widths: list[int], part: range) -> int:
    return sum(widths[index] for index in part) + len(_GAP) * (len(part) - 1)


def _lines(cells: list[str], widths: list[int], left: list[bool], groups: list[range], room: int) -> list[str]:
    """A row: one line where it fits."""
    lines = []
    for part in groups:
        indent = _INDENT if part.start else ""
        here = slice(part.start, part.stop)
        line = indent + _line(cells[here], widths[here], left[here])
        lines += [line] if _wide(line) <= room else _wrapped(indent, line, room, hang="    ")
    return lines


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
    return _GAP.join(padded).rstrip()


def _wide(text: str) -> int:
    """Terminal columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text if not unicodedata.combining(char)
    )


def _wrapped(prefix: str, text: str, width: int, hang: str | None = None) -> list[str]:
    shown, later = clean(text), " " * len(prefix) if hang is None else hang
    letters = width if _wide(shown) <= len(shown) else width // 2  # wide letters take two columns each
    return textwrap.wrap(shown, letters, initial_indent=prefix, subsequent_indent=later) or [prefix]
