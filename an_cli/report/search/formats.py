"""A search's tables in every format, as text and as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from an_cli.config import plain
from an_cli.errors import ReportError, nearest
from an_cli.files import cannot_write, json_text, write_atomic
from an_cli.report.formats import html as html_table
from an_cli.report.formats import markdown as markdown_table
from an_cli.report.formats import tex_text
from an_cli.report.formats.layout import ColumnHead, Paint, TextCell, lay_out, wrap
from an_cli.report.formats.layout import plain as unpainted
from an_cli.report.formats.wording import clean
from an_cli.report.search.grids import Grid, tables_of
from an_cli.report.search.summary import SearchSummary
from an_cli.store import Store

_WIDTH = 100
_ENDINGS = {"markdown": "md", "latex": "tex", "html": "html", "csv": "csv", "json": "json"}


def render_search(summary: SearchSummary, format: str, *, width: int | None = None, paint: Paint = unpainted) -> str:
    """A search as text; equal summaries give equal text.

    Raises:
        ReportError: an unknown format.
    """
    if format == "terminal":
        return _terminal(summary, width, paint)
    if format not in _RENDERERS:
        raise ReportError(f"unknown format {format!r}", where=summary.name, now=nearest(format, _RENDERERS))
    return _RENDERERS[format](summary)


def write_search(summary: SearchSummary, store: Store) -> list[Path]:
    """Write a search's report to `reports/build/NAME.<ending>`, each file whole.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        store.reports.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(store.reports, error) from error
    paths = []
    for format, ending in _ENDINGS.items():
        path = store.reports / f"{summary.name}.{ending}"
        write_atomic(path, render_search(summary, format))
        paths.append(path)
    return paths


def _terminal(summary: SearchSummary, width: int | None, paint: Paint) -> str:
    tables, lines = tables_of(summary), list[str]()
    prose = min(_WIDTH, width or _WIDTH)
    for grid in tables.grids:
        heads = [ColumnHead(title=head, words=index in grid.words) for index, head in enumerate(grid.heads)]
        layout = lay_out(heads, [[TextCell(text) for text in row] for row in grid.rows], width, paint)
        rule = "─" * layout.extent
        lines += [*(paint(line, "bold") for line in wrap(clean(grid.caption), prose)), "", *layout.head, rule]
        lines += [line for row in layout.rows for line in row]
        lines += [rule, ""]
    lines += [paint(line, "dim") for note in tables.notes for line in wrap(clean(note), prose)]
    return "\n".join(lines) + "\n"


def _markdown(summary: SearchSummary) -> str:
    tables, lines = tables_of(summary), list[str]()
    escape = markdown_table.escape
    for grid in tables.grids:
        lines += [f"**{escape(grid.caption)}**", "", _piped(map(escape, grid.heads))]
        lines += [_piped("---" if index in grid.words else "---:" for index in range(len(grid.heads)))]
        lines += [_piped(map(escape, row)) for row in grid.rows]
        lines += [""]
    return "\n".join([*lines, *(f"{escape(note)}  " for note in tables.notes)]).rstrip() + "\n"


def _piped(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _latex(summary: SearchSummary) -> str:
    tables, lines = tables_of(summary), ["% needs: \\usepackage{booktabs}"]
    for number, grid in enumerate(tables.grids):
        sides = "".join("l" if index in grid.words else "r" for index in range(len(grid.heads)))
        lines += ["\\begin{table}", "\\centering", f"\\caption{{{tex_text.escape(grid.caption)}}}"]
        lines += [f"\\label{{tab:{clean_label(summary.name)}-{number}}}", f"\\begin{{tabular}}{{{sides}}}", "\\toprule"]
        lines += [_tex_row(grid.heads), "\\midrule", *map(_tex_row, grid.rows), "\\bottomrule", "\\end{tabular}"]
        if number + 1 == len(tables.grids):
            lines += ["", "\\smallskip", *(f"{{\\footnotesize {tex_text.escape(note)}\\par}}" for note in tables.notes)]
        lines += ["\\end{table}"]
    return "\n".join(lines) + "\n"


def clean_label(name: str) -> str:
    """A name as LaTeX's labels take it."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-:.") else "-" for char in name)


def _tex_row(texts: Iterable[str]) -> str:
    return f"{' & '.join(f'{{{tex_text.escape(text)}}}' for text in texts)} \\\\"


def _html(summary: SearchSummary) -> str:
    tables, escape = tables_of(summary), html_table.escape
    body = "".join(_html_grid(grid, escape) for grid in tables.grids)
    notes = "".join(f"<p>{escape(note)}</p>\n" for note in tables.notes)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html_table.POLICY}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(summary.name)}</title>\n'
        f"<style>{html_table.STYLE}</style>\n</head>\n<body>\n{body}<footer>\n{notes}</footer>\n</body>\n</html>\n"
    )


def _html_grid(grid: Grid, escape: Callable[[str], str]) -> str:
    kinds = [' class="words"' if index in grid.words else "" for index in range(len(grid.heads))]
    head = "".join(f'<th scope="col"{kind}>{escape(text)}</th>' for kind, text in zip(kinds, grid.heads, strict=True))
    rows = "".join(
        f"<tr>{''.join(f'<td{kind}>{escape(text)}</td>' for kind, text in zip(kinds, row, strict=True))}</tr>\n"
        for row in grid.rows
    )
    caption = f"<caption>{escape(grid.caption)}</caption>"
    table = f"<table>\n{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
    return f'<div class="wide">\n{table}\n</div>\n'


def _csv(summary: SearchSummary) -> str:
    """A line per reported trial and objective."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", "choice", "objective", "selected", "low", "high", "seeds", "reported", "reported_low",
                     "reported_high", "reported_seeds"])  # fmt: skip
    for row in summary.rows:
        for index, measure in enumerate(summary.objectives):
            estimates = [row.selected[index], row.reported[index] if row.reported else None]
            numbers = [
                cell
                for estimate in estimates
                for cell in ((estimate.mean, estimate.low, estimate.high, estimate.seeds) if estimate else [""] * 4)
            ]
            writer.writerow([row.number, " ".join(row.params), measure.key, *numbers])
    return buffer.getvalue()


def json_search(summary: SearchSummary) -> dict[str, object]:
    """A search as a plain value."""
    value: dict[str, object] = plain(summary)
    value["objectives"] = [measure.key for measure in summary.objectives]
    return value


_RENDERERS: Mapping[str, Callable[[SearchSummary], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "html": _html,
    "csv": _csv,
    "json": lambda summary: json_text(json_search(summary)),
}
