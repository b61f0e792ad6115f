"""One table in every format: as text, or as files under `reports/build/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from an_cli.errors import AnError, ReportError, nearest
from an_cli.files import cannot_write, read_json, write_atomic
from an_cli.report.formats.html import html
from an_cli.report.formats.json_csv import as_csv, as_json
from an_cli.report.formats.latex import latex
from an_cli.report.formats.layout import Paint, plain
from an_cli.report.formats.markdown import markdown
from an_cli.report.formats.terminal import terminal
from an_cli.report.table import Table, uncollected
from an_cli.store import Store

_RENDERERS = {
    "markdown": markdown,
    "latex": latex,
    "html": html,
    "terminal": terminal,
    "csv": as_csv,
    "json": as_json,
}
_ENDINGS = {"markdown": "md", "latex": "tex", "html": "html", "terminal": "txt", "csv": "csv", "json": "json"}
FILES = ("markdown", "latex", "html", "csv", "json")


def render(table: Table, format: str, *, width: int | None = None, paint: Paint = plain) -> str:
    """A table as text; equal tables give equal text.

    Args:
        table: what to print.
        format: markdown, latex, html, terminal, csv or json.
        width: columns of the terminal that it is printed to; None takes what the table needs.
        paint: how a terminal shows styles.

    Raises:
        ReportError: another format.
    """
    if format not in _RENDERERS:
        raise ReportError(f"unknown format {format!r}", where=table.study, now=nearest(format, _RENDERERS))
    return terminal(table, width, paint) if format == "terminal" else _RENDERERS[format](table)


def written_runs(table: Table, store: Store) -> int:
    """How many finished runs the table holds that was written last under this name; 0 where there is none."""
    path = store.reports / f"{table.file_name or table.study}.json"
    try:
        return sum(len(row["runs"]) for row in read_json(path)["rows"])
    except (AnError, KeyError, TypeError):
        return 0


def write(table: Table, store: Store, formats: Iterable[str] = FILES) -> list[Path]:
    """Write a table to `reports/build/<file_name>.<ending>` of a store, each file whole.

    Args:
        table: what to write.
        store: where to.
        formats: see `render`.

    Returns:
        The files, in the order of the formats.

    Raises:
        ReportError: an unknown format. StoreError: the folder cannot be written.
    """
    with uncollected():
        texts = {format: render(table, format) for format in formats}
    try:
        store.reports.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(store.reports, error) from error
    paths = []
    for format, text in texts.items():
        path = store.reports / f"{table.file_name or table.study}.{_ENDINGS[format]}"
        write_atomic(path, text)
        paths.append(path)
    return paths
