"""Columns that fit a width: words go on within their cell, columns of less weight give way, numbers are never broken.

Without a width every column is as wide as it needs: what a pipe or a file is given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

Paint = Callable[[str, str], str]  # a text and a style ("bold", "dim", "green", ...) -> the text in it
GAP = "  "
_INDENT = "  "
_LONGEST_PIECE = 20  # of a label without spaces; what is longer is broken anywhere
_PIECE = re.compile(r"\S*?,(?=[^\W\d])|\S+|\s+")  # a comma before a letter may end a line, that of K=(10,10) may not


@dataclass(frozen=True, kw_only=True)
class ColumnHead:
    """A column.

    Attributes:
        title: its heading.
        words: words, flush left, which may take several lines; else a number, flush right, which may not.
        weight: 0 is always shown; where all do not fit, the heaviest goes first.
    """

    title: str
    words: bool = False
    weight: int = 0


@dataclass(frozen=True)
class TextCell:
    """A text and the style that it is painted in; an empty style leaves it plain."""

    text: str
    style: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A table as lines.

    Attributes:
        head: lines of the heading.
        rows: lines of each row.
        extent: columns of the terminal that it takes.
        widths: of its columns; none where a row takes several lines.
        hidden: titles of the columns left out.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    extent: int
    widths: tuple[int, ...]
    hidden: tuple[str, ...]


def plain(text: str, style: str) -> str:
    """No style: what a file, a pipe and NO_COLOR get."""
    return text


def lay_out(
    heads: Sequence[ColumnHead], rows: Sequence[Sequence[TextCell]], width: int | None = None, paint: Paint = plain
) -> Layout:
    """Set a table in columns.

    Args:
        heads: its columns.
        rows: a cell per column.
        width: columns of the terminal; None for as many as are needed.
        paint: how styles are shown.
    """
    table = [[TextCell(head.title, "bold") for head in heads], *rows]
    shown, parts = _fitted(heads, table, width)
    lines = [tuple(_row(line, heads, parts, paint)) for line in table]
    hidden = tuple(head.title for index, head in enumerate(heads) if index not in shown)
    return Layout(
        head=lines[0],
        rows=tuple(lines[1:]),
        extent=max(part.extent for part in parts),
        widths=parts[0].widths if len(parts) == 1 else (),
        hidden=hidden,
    )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Columns that share a line, and how wide each is; all parts but the first are indented."""

    columns: tuple[int, ...]
    widths: tuple[int, ...]
    indent: str = ""

    @property
    def extent(self) -> int:
        return len(self.indent) + _total(self.widths)


def _fitted(
    heads: Sequence[ColumnHead], table: Sequence[Sequence[TextCell]], width: int | None
) -> tuple[list[int], list[_Part]]:
    """Which columns are shown, and on which lines of a row.

    Labels shrink first, to half of their width while there is a column that can go, else to what their words need; then
    columns go; then rows go on below.
    """
    full = [max(extent(line[index].text) for line in table) for index in range(len(heads))]
    shown = list(range(len(heads)))
    if width is None:
        return shown, [_Part(columns=tuple(shown), widths=tuple(full))]
    least = [
        _least(line[index].text for line in table) if head.words else full[index] for index, head in enumerate(heads)
    ]
    while True:
        heaviest = max(shown, key=lambda index: (heads[index].weight, index))
        last = not heads[heaviest].weight
        floor = [least[index] if last else max(least[index], (full[index] + 1) // 2) for index in shown]
        floor = [low if heads[index].words else full[index] for index, low in zip(shown, floor, strict=True)]
        if _total(floor) <= width:
            return shown, [_part(shown, full, floor, width, "")]
        if last:
            return shown, _below(shown, full, least, width)
        shown.remove(heaviest)


def _part(columns: Sequence[int], full: Sequence[int], floor: Sequence[int], width: int, indent: str) -> _Part:
    widths = _shrunk([full[index] for index in columns], floor, width - len(indent))
    return _Part(columns=tuple(columns), widths=tuple(widths), indent=indent)


def _below(shown: Sequence[int], full: Sequence[int], least: Sequence[int], width: int) -> list[_Part]:
    """Columns in as few lines as their least widths allow."""
    groups: list[list[int]] = []
    for index in shown:
        room = width - (len(_INDENT) if len(groups) > 1 else 0)
        if groups and _total([least[column] for column in (*groups[-1], index)]) <= room:
            groups[-1].append(index)
        else:
            groups.append([index])
    parts = []
    for place, columns in enumerate(groups):
        indent = _INDENT if place else ""
        floor = [min(least[index], width - len(indent)) for index in columns]
        parts.append(_part(columns, full, floor, width, indent))
    return parts


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _shrunk(widths: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """The widest column of words gives way first, down to what it needs at least."""
    shrunk = list(widths)
    while _total(shrunk) > width:
        widest = max(
            (index for index in range(len(shrunk)) if shrunk[index] > least[index]), key=lambda index: shrunk[index]
        )
        shrunk[widest] -= 1
    return shrunk


def _least(texts: Iterable[str]) -> int:
    return max(min(_LONGEST_PIECE, extent(piece)) for text in texts for piece in pieces(text) or [""])


def _row(line: Sequence[TextCell], heads: Sequence[ColumnHead], parts: Sequence[_Part], paint: Paint) -> Iterable[str]:
    for part in parts:
        columns = [
            _column(line[index], heads[index], width, paint)
            for index, width in zip(part.columns, part.widths, strict=True)
        ]
        for place in range(max(len(column.lines) for column in columns)):
            yield (part.indent + GAP.join(column.line(place) for column in columns)).rstrip()


@dataclass(frozen=True)
class _Column:
    """A cell's lines, each as wide as its column."""

    lines: tuple[str, ...]
    width: int

    def line(self, place: int) -> str:
        return self.lines[place] if place < len(self.lines) else " " * self.width


def _column(cell: TextCell, head: ColumnHead, width: int, paint: Paint) -> _Column:
    lines = [cell.text] if extent(cell.text) <= width else wrap(cell.text, width)
    padded = []
    for text in lines:
        space = " " * max(0, width - extent(text))
        shown = paint(text, cell.style) if cell.style and text else text
        padded.append(shown + space if head.words else space + shown)
    return _Column(tuple(padded), width)


def wrap(text: str, width: int, *, first: str = "", later: str = "") -> list[str]:
    """Lines of at most so many columns, broken at spaces, else before a comma's next word, else anywhere.

    Args:
        text: on one line.
        width: columns of a line, its indent among them.
        first, later: indents of the first line and of the others.
    """
    lines: list[str] = []
    line = first
    for piece in pieces(text):
        for part in _broken(piece, max(1, width - max(extent(first), extent(later)))):
            fresh = line == (later if lines else first)
            if fresh and part.isspace():
                continue
            if not fresh and extent(line) + extent(part.rstrip()) > width:
                lines.append(line.rstrip())
                line = later + part.lstrip()
            else:
                line += part
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def pieces(text: str) -> list[str]:
    """What may not be broken: words, and the spaces between them; wide letters stand alone."""
    parts: list[str] = []
    for piece in _PIECE.findall(text):
        parts += [piece] if piece.isascii() else _between_wide(piece)
    return parts


def _between_wide(piece: str) -> list[str]:
    parts = [""]
    for char in piece:
        if extent(char) == 2:
            parts += [char, ""]
        elif extent(char) == 0 and len(parts) > 1 and not parts[-1]:
            parts[-2] += char  # a mark belongs to the letter before it
        else:
            parts[-1] += char
    return [part for part in parts if part]


def _broken(piece: str, width: int) -> Iterable[str]:
    """A piece in parts that fit a line."""
    part = ""
    for char in piece:
        if part and extent(part) + extent(char) > width:
            yield part
            part = ""
        part += char
    yield part


@lru_cache(maxsize=4096)
def extent(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
