"""Table -> LaTeX with booktabs, ready for \\input."""

from __future__ import annotations

import re

from an_cli.report.formats.fitting import Fit, fitted
from an_cli.report.formats.tex_text import escape, spelled
from an_cli.report.formats.wording import Printed, printed_rows
from an_cli.report.spec import TEXTS, Quantity
from an_cli.report.table import DAGGER, Column, Table, TableRow
from an_cli.store import DETECTION

_PRECISIONS = (
    *(r"AP$^{bb}$", r"AP$^{bb}_{50}$", r"AP$^{bb}_{75}$"),
    *(r"AP$^{m}$", r"AP$^{m}_{50}$", r"AP$^{m}_{75}$"),
)
_HEADS = dict(zip(DETECTION.keys, _PRECISIONS, strict=True))  # as in the paper's Tables 4 and 5


def latex(table: Table) -> str:
    """A `table` environment with caption and label, as wide as the text where that is needed.

    Its first line names the packages that it needs: booktabs, tabularx for a wide table, amsmath where K is stacked.
    In a column that is too narrow it becomes a `table*`, across both columns; in a text that is too narrow the LaTeX
    log says so.

    Args:
        table: what to print.

    Returns:
        Text that ends in a newline.
    """
    fit, label = fitted(table), f"tab:{re.sub(r'[^A-Za-z0-9_-]', '-', table.study)}"
    lines = [
        *_remarks(table, fit),
        rf"\def\ancli{{table}}\ifdim\columnwidth<{fit.least_pt}pt\def\ancli{{table*}}\fi",
        r"\expandafter\begin\expandafter{\ancli}",
        *_warning(fit, label),
        r"  \centering",
        rf"  \caption{{{_text(table, table.caption)}}}",
        rf"  \label{{{label}}}",
        *(f"  {line}" for line in fit.sizes),
        f"  {_begin(fit)}",
        r"    \toprule",
        f"    {' & '.join(_head(column) for column in table.columns)} \\\\",
        r"    \midrule",
        *_body(table),
        r"    \bottomrule",
        r"  \end{tabularx}}" if fit.wraps else r"  \end{tabular}",
        "",
        *_notes(table),
        r"\expandafter\end\expandafter{\ancli}",
    ]
    return "\n".join(lines) + "\n"


def _remarks(table: Table, fit: Fit) -> list[str]:
    packages = ["booktabs", *(["tabularx"] if fit.wraps else []), *(["amsmath"] if table.stacked_k else [])]
    return [
        rf"% needs \usepackage{{{','.join(packages)}}}",
        f"% needs {fit.least_pt}pt of width; fewer columns: columns in reports/{table.study}.yaml",
    ]


def _warning(fit: Fit, label: str) -> list[str]:
    """What TeX does not see for itself: the box around a wide table has the width of the text, whatever is in it."""
    if not fit.wraps:
        return []
    warning = rf"LaTeX Warning: Overfull table {label}: needs {fit.least_pt}pt, the text has \the\linewidth"
    return [rf"  \ifdim\linewidth<{fit.least_pt}pt\GenericWarning{{}}{{{warning}}}\fi"]


def _begin(fit: Fit) -> str:
    if not fit.wraps:
        return rf"\begin{{tabular}}{{{fit.shape}}}"
    width = rf"\ifdim\linewidth<{fit.least_pt}pt{fit.least_pt}pt\else\linewidth\fi"
    return rf"\makebox[\linewidth]{{\begin{{tabularx}}{{{width}}}{{{fit.shape}}}"


def _text(table: Table, text: str) -> str:
    """A text of the user's; mathematics where the report's spec allows it."""
    return escape(text, math=table.math)


def spelled_characters(table: Table) -> dict[str, str]:
    """Characters of a table that LaTeX cannot be given -> how `latex` spells them."""
    words = [row.cell(measure).word for row in table.rows for measure in TEXTS]
    texts = [table.caption, *table.notes, *table.footnotes, *_labels(table), *words]
    return spelled([*texts, *(column.title for column in table.columns)])


def _labels(table: Table) -> list[str]:
    return [row.title or row.label for row in table.rows if not row.label_latex]


def _head(column: Column) -> str:
    return _HEADS.get(column.measure) or escape(column.title)


def _body(table: Table) -> list[str]:
    lines: list[str] = []
    above: TableRow | None = None
    for row, several in zip(table.rows, printed_rows(table), strict=True):
        again = above is not None and row.group == above.group
        if above is not None and not again:
            lines.append(r"    \midrule")
        cells = [_set(table, row, column, cell, again) for column, cell in zip(table.columns, several, strict=True)]
        # After a row's end or a rule, "[" and "*" would be read as its option.
        guard = "{}" if cells[0][:1] in ("[", "*", "") else ""
        lines.append(f"    {guard}{' & '.join(cells)} \\\\")
        above = row
    return lines


def _set(table: Table, row: TableRow, column: Column, cell: Printed, again: bool) -> str:
    """A cell; the architecture stands once per group, as in the paper."""
    if column.measure is Quantity.ARCHITECTURE and again:
        return ""
    if column.measure is not Quantity.DESIGN:
        return _cell(cell)
    label = row.label_latex or escape(cell.word, stacked_k=table.stacked_k, math=table.math)
    return _noted(label, cell.marks)


def _notes(table: Table) -> list[str]:
    texts = [f"{_raised((mark,))} {_text(table, text)}" for text, mark in table.footnotes.items()]
    texts += [_text(table, note) for note in table.notes]
    body = [f"    {text}\\par" for text in texts]
    return [r"  \smallskip", r"  \parbox{\linewidth}{\footnotesize\raggedright", *body, r"  }"] if body else []


def _cell(cell: Printed) -> str:
    if not cell.number:
        return _noted(escape(cell.word), cell.marks)
    number = _emphasized(cell)
    body = rf"{number} $\pm$ {cell.spread}" if cell.spread else number
    body += rf" ${cell.interval}$" if cell.interval else ""
    return body + _raised(cell.marks)


def _emphasized(cell: Printed) -> str:
    number = f"${cell.number}$" if cell.number[0] in "+-" else cell.number
    if cell.best:
        number = rf"\textbf{{{number}}}"
    elif cell.tied:
        number = rf"\underline{{{number}}}"
    bracket = f"${cell.bracket}$" if cell.bracket[:1] == "-" else cell.bracket
    return number + (f"({bracket})" if bracket else "")


def _noted(text: str, marks: tuple[str, ...]) -> str:
    """A text with its marks; the dagger stands before it, as in the paper."""
    dagger = _raised((DAGGER,)) if DAGGER in marks else ""
    return dagger + text + _raised(tuple(mark for mark in marks if mark != DAGGER))


def _raised(marks: tuple[str, ...]) -> str:
    return rf"\textsuperscript{{{','.join(escape(mark) for mark in marks)}}}" if marks else ""
