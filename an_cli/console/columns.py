"""Aligned columns as plain text: the same on a terminal, in a pipe and in a file."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def terminal_width() -> int | None:
    """Columns of the terminal that is printed to, or what COLUMNS says; None in a pipe or a file."""
    return shutil.get_terminal_size((0, 0)).columns or None


def align(head: Sequence[str], body: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> str:
    """A header and rows in columns as wide as they need.

    Args:
        head: column titles.
        body: rows of as many texts.
        left: indices of columns that are set flush left; the others hold numbers and are set flush right.

    Returns:
        Lines without trailing spaces; the last one ends in a newline.
    """
    widths = [max(len(line[index]) for line in (head, *body)) for index in range(len(head))]
    lines = [_line(cells, widths, left) for cells in (head, ["-" * width for width in widths], *body)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int], left: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if index in left else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
