"""Table -> plain text for a terminal."""

from __future__ import annotations

from an_cli.report.formats.layout import ColumnHead, Paint, TextCell, lay_out, plain, wrap
from an_cli.report.formats.wording import LEFT, Printed, clean, printed_rows
from an_cli.report.spec import Quantity
from an_cli.report.table import Column, Table

_WIDTH = 100  # of captions and footnotes, at most
_NARROWEST = 20
# What a narrow terminal goes without, the highest first: sizes and secondary measures before what a table is made for.
_SECONDARY = 3
_WEIGHTS: dict[str, int] = {
    Quantity.MACS: 5,
    Quantity.PARAMS: 4,
    Quantity.PAPER_DIFFERENCE: 2,
    Quantity.PAPER: 1,
    Quantity.SEEDS: 1,
}


def terminal(table: Table, width: int | None = None, paint: Paint = plain) -> str:
    """A caption, aligned columns, footnotes; groups stand apart.

    Args:
        table: what to print.
        width: columns of the terminal. In a narrow one labels take several lines, then columns go, which a last line
            names; where even that does not fit, a row goes on below. None takes what the table needs.
        paint: how styles are shown: bold where a row is told apart from all others, notes dim.

    Returns:
        Text without control characters but those of `paint`, that ends in a newline.
    """
    room = None if width is None else max(width, _NARROWEST)
    rows = [[TextCell(_text(cell), "bold" if cell.best else "") for cell in cells] for cells in printed_rows(table)]
    layout = lay_out([_head(column, table) for column in table.columns], rows, room, paint)
    rule = "─" * layout.extent
    prose = min(_WIDTH, room or _WIDTH)
    lines = [*(paint(line, "bold") for line in wrap(clean(table.caption), prose)), "", *layout.head, rule]
    for index, row in enumerate(layout.rows):
        if index and table.rows[index].group != table.rows[index - 1].group:
            lines.append("")
        lines += row
    lines.append(rule)
    notes = [(f"[{mark}] ", text) for text, mark in table.footnotes.items()] + [("", note) for note in table.notes]
    if layout.hidden:
        notes.append(("", f"Not shown in {room} columns, but written: {', '.join(layout.hidden)}."))
    for prefix, text in notes:
        wrapped = wrap(clean(text), prose, first=prefix, later=" " * len(prefix))
        lines += [paint(line, "dim") for line in wrapped]
    return "\n".join(lines) + "\n"


def _head(column: Column, table: Table) -> ColumnHead:
    secondary = column.measure in table.measures and column.measure != table.measures.primary.key
    weight = _SECONDARY if secondary else _WEIGHTS.get(column.measure, 0)
    return ColumnHead(title=column.title, words=column.measure in LEFT, weight=weight)


def _text(cell: Printed) -> str:
    number = cell.number + ("*" if cell.best else "~" if cell.tied else "")
    number += f" ({cell.bracket})" if cell.bracket else ""
    body = f"{number} ± {cell.spread}" if cell.spread else number or cell.word
    body += f" {cell.interval}" if cell.interval else ""
    return body + (f" [{','.join(cell.marks)}]" if cell.marks else "")
