"""Table -> LaTeX with booktabs, ready for \\input."""

from __future__ import annotations

import re

from an_cli.report.spec import TEXTS, Measure
from an_cli.report.table import DAGGER, Column, Table, TableRow
from an_cli.report.tex_text import MIXTURE, escape, spelled
from an_cli.report.wording import LEFT, Printed, printed

_HEADS = {
    Measure.AP_BB: r"AP$^{bb}$",
    Measure.AP_BB50: r"AP$^{bb}_{50}$",
    Measure.AP_BB75: r"AP$^{bb}_{75}$",
    Measure.AP_M: r"AP$^{m}$",
    Measure.AP_M50: r"AP$^{m}_{50}$",
    Measure.AP_M75: r"AP$^{m}_{75}$",
}
_SIZES = ((110, r"\scriptsize"), (72, r"\footnotesize"))  # letters in a row from which a table is set smaller, to fit
_STACK = r"\rule[-2.6ex]{0pt}{6ex}"  # room for four components above each other


def latex(table: Table) -> str:
    """A `table` environment with caption and label; needs \\usepackage{booktabs}, and amsmath where K is stacked.

    Args:
        table: what to print.

    Returns:
        Text that ends in a newline.
    """
    marks = table.footnotes
    shape = "".join("l" if column.measure in LEFT else "r" for column in table.columns)
    lines = [
        rf"% needs \usepackage{{booktabs{',amsmath' if table.stacked_k else ''}}}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(table.caption)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9_-]', '-', table.study)}}}",
        *_size(table, marks),
        rf"  \begin{{tabular}}{{{shape}}}",
        r"    \toprule",
        f"    {' & '.join(_head(column) for column in table.columns)} \\\\",
        r"    \midrule",
        *_body(table, marks),
    ]
    lines += [r"    \bottomrule", r"  \end{tabular}", "", *_notes(table, marks), r"\end{table}"]
    return "\n".join(lines) + "\n"


def spelled_characters(table: Table) -> dict[str, str]:
    """Characters of a table that LaTeX cannot be given -> how `latex` spells them."""
    words = [row.cell(measure).word for row in table.rows for measure in TEXTS]
    texts = [table.caption, *table.notes, *table.footnotes, *(row.title or row.label for row in table.rows), *words]
    return spelled([*texts, *(column.title for column in table.columns)])


def _size(table: Table, marks: dict[str, str]) -> list[str]:
    """The commands that make a wide table fit."""
    widths = []
    for column in table.columns:
        cells = [printed(table, row, column, marks) for row in table.rows]
        label = column.measure is Measure.DESIGN and table.stacked_k
        words = [MIXTURE.sub("K=(00)", cell.word) if label else cell.word for cell in cells]
        texts = [
            word + cell.number + cell.spread + cell.interval + cell.bracket
            for word, cell in zip(words, cells, strict=True)
        ]
        widths.append(max([len(column.title), *map(len, texts)]) + 2)
    size = next((command for least, command in _SIZES if sum(widths) >= least), None)
    return [f"  {size}", r"  \setlength{\tabcolsep}{3pt}"] if size else []


def _head(column: Column) -> str:
    return _HEADS.get(column.measure) or escape(column.title)


def _body(table: Table, marks: dict[str, str]) -> list[str]:
    lines = []
    for index, row in enumerate(table.rows):
        above = table.rows[index - 1] if index else None
        if above is not None and row.group != above.group:
            lines.append(r"    \midrule")
        cells = [_set(table, row, above, column, marks) for column in table.columns]
        # After a row's end or a rule, "[" and "*" would be read as its option.
        guard = "{}" if cells[0][:1] in ("[", "*", "") else ""
        lines.append(f"    {guard}{' & '.join(cells)} \\\\")
    return lines


def _set(table: Table, row: TableRow, above: TableRow | None, column: Column, marks: dict[str, str]) -> str:
    if column.measure is Measure.ARCHITECTURE and above is not None and row.group == above.group:
        return ""  # once per group, as in the paper
    cell = printed(table, row, column, marks)
    if column.measure is not Measure.DESIGN or not table.stacked_k:
        return _cell(cell)
    stacked = escape(cell.word, stacked_k=True)
    return (_STACK if "smallmatrix" in stacked else "") + _noted(stacked, cell.marks)


def _notes(table: Table, marks: dict[str, str]) -> list[str]:
    texts = [f"{_raised((mark,))} {escape(text)}" for text, mark in marks.items()]
    texts += [escape(note) for note in table.notes]
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
