"""Table -> one HTML file that stands alone: no script, nothing loaded, light and dark, fit to be printed or pasted."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape as escape_markup

from an_cli.report.formats.wording import LEFT, Printed, clean, printed_rows
from an_cli.report.table import Column, Table

# Whatever a label holds, nothing runs and nothing is fetched.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: max-content; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-block: 2px solid; font-variant-numeric: tabular-nums; }
caption { font-weight: 600; padding-bottom: .6rem; text-align: left; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; }
th { font-weight: 500; }
th.words, td.words { text-align: left; }
thead th { border-bottom: 1px solid; }
tbody + tbody { border-top: 1px solid var(--line); }
.spread { opacity: .75; }
footer { font-size: .85rem; max-width: 60rem; opacity: .85; }
footer p { margin: .2rem 0; }
"""


def html(table: Table) -> str:
    """A page with the table, its footnotes and notes; what Markdown prints bold or underlined is so here.

    Args:
        table: what to print.

    Returns:
        Text that ends in a newline.
    """
    caption = escape(table.caption)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{caption}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        '<div class="wide">',
        f'<table id="{escape(table.study)}">',
        f"<caption>{caption}</caption>",
        f"<thead><tr>{''.join(_head(column) for column in table.columns)}</tr></thead>",
        *_body(table),
        "</table>",
        "</div>",
        *_foot(table),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """A text in which nothing is markup."""
    return escape_markup(clean(text))


def _head(column: Column) -> str:
    return f'<th scope="col"{_words(column)}>{escape(column.title)}</th>'


def _words(column: Column) -> str:
    return ' class="words"' if column.measure in LEFT else ""


def _body(table: Table) -> Iterator[str]:
    """A `tbody` per group."""
    kinds = [_words(column) for column in table.columns]
    for index, (row, cells) in enumerate(zip(table.rows, printed_rows(table), strict=True)):
        if not index or row.group != table.rows[index - 1].group:
            yield "<tbody>" if not index else "</tbody>\n<tbody>"
        label, *others = (f"{kind}>{_cell(cell)}" for kind, cell in zip(kinds, cells, strict=True))
        texts = "".join(f"<td{text}</td>" for text in others)
        yield f'<tr data-runs="{escape(" ".join(row.runs))}"><th scope="row"{label}</th>{texts}</tr>'
    yield "</tbody>" if table.rows else "<tbody></tbody>"


def _cell(cell: Printed) -> str:
    number = f"<b>{cell.number}</b>" if cell.best else f"<u>{cell.number}</u>" if cell.tied else cell.number
    number += f" ({cell.bracket})" if cell.bracket else ""
    body = f'{number} <span class="spread">± {cell.spread}</span>' if cell.spread else number
    body += f" {cell.interval}" if cell.interval else ""
    return (body or escape(cell.word)) + (f" <sup>{','.join(cell.marks)}</sup>" if cell.marks else "")


def _foot(table: Table) -> Iterator[str]:
    yield "<footer>"
    yield from (f"<p><sup>{mark}</sup> {escape(text)}</p>" for text, mark in table.footnotes.items())
    yield from (f"<p>{escape(note)}</p>" for note in table.notes)
    yield "</footer>"
