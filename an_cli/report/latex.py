"""Table -> LaTeX with booktabs, ready for \\input."""

from __future__ import annotations

import re
import unicodedata

from an_cli.report.spec import Measure
from an_cli.report.table import DAGGER, Table
from an_cli.report.wording import DASH, Printed, clean, printed

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "±": r"$\pm$",
    "×": r"$\times$",  # noqa: RUF001
    "−": "$-$",  # noqa: RUF001
    DASH: "--",
    "—": "---",
    DAGGER: r"$\dagger$",
    "°": r"$^\circ$",
    "²": "$^2$",
    "³": "$^3$",
    "·": r"$\cdot$",
    "÷": r"$\div$",
    "§": r"\S{}",
    **dict(zip("ÐðÞþ", ("D", "d", "Th", "th"), strict=True)),  # letters that only some font encodings have
    **{char: f"\\{char}" for char in "%&_#${}"},
}
_GREEK_NAMES = """
α alpha β beta γ gamma δ delta ε varepsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu
ξ xi π pi ρ rho σ sigma ς varsigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega µ mu
Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega"""  # noqa: RUF001
_GREEK = dict(zip(_GREEK_NAMES.split()[::2], _GREEK_NAMES.split()[1::2], strict=True))
_LETTERS = frozenset("ÆæØøß")  # without an accent, and in every font encoding
_LIGATURE = re.compile(r"(?<=[-?!`'])(?=[-`'])")
_MIXTURE = re.compile(r"K=\(\d+(?:,\s*\d+)*\)")  # the paper's K per stage, set in maths


def latex(table: Table) -> str:
    """A `table` environment with caption and label; needs \\usepackage{booktabs}.

    Args:
        table: what to print.

    Returns:
        Text that ends in a newline.
    """
    marks = table.footnotes
    shape = "".join("l" if column.measure is Measure.DESIGN else "r" for column in table.columns)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape(table.caption)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9_-]', '-', table.study)}}}",
        rf"  \begin{{tabular}}{{{shape}}}",
        r"    \toprule",
        f"    {' & '.join(escape(column.title) for column in table.columns)} \\\\",
        r"    \midrule",
    ]
    for index, row in enumerate(table.rows):
        if index and row.group != table.rows[index - 1].group:
            lines.append(r"    \midrule")
        cells = [_cell(printed(table, row, column, marks)) for column in table.columns]
        # After a row's end or a rule, "[" and "*" would be read as its option.
        guard = "{}" if cells[0][:1] in ("[", "*") else ""
        lines.append(f"    {guard}{' & '.join(cells)} \\\\")
    lines += [r"    \bottomrule", r"  \end{tabular}", "", *_notes(table, marks), r"\end{table}"]
    return "\n".join(lines) + "\n"


def _notes(table: Table, marks: dict[str, str]) -> list[str]:
    texts = [f"{_raised((mark,))} {escape(text)}" for text, mark in marks.items()]
    texts += [escape(note) for note in table.notes]
    body = [f"    {text}\\par" for text in texts]
    return [r"  \smallskip", r"  \parbox{\linewidth}{\footnotesize\raggedright", *body, r"  }"] if body else []


def _cell(cell: Printed) -> str:
    if cell.spread:
        body = rf"${cell.number} \pm {cell.spread}$"
    elif cell.number:
        body = f"${cell.number}$" if cell.number[0] in "+-" else cell.number
    else:
        body = escape(cell.word)
    return body + (_raised(cell.marks) if cell.marks else "")


def _raised(marks: tuple[str, ...]) -> str:
    return rf"\textsuperscript{{{','.join(escape(mark) for mark in marks)}}}"


def escape(text: str) -> str:
    """A text in which nothing is a command: specials escaped, K=(...) in maths, other scripts transliterated.

    Accented Latin-1 letters are kept (LaTeX reads UTF-8), Greek is set in maths.
    """
    parts, end = [], 0
    shown = clean(text)
    for found in _MIXTURE.finditer(shown):
        parts += [_escaped(shown[end : found.start()]), f"${found.group()}$"]
        end = found.end()
    return "".join([*parts, _escaped(shown[end:])])


def _escaped(text: str) -> str:
    return "{}".join("".join(map(_char, part)) for part in _LIGATURE.split(text))


def _char(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char in _GREEK:
        return f"$\\{_GREEK[char]}$"
    if char.isascii() or char in _LETTERS:
        return char
    plain = unicodedata.normalize("NFKD", char).replace("\u2044", "/").encode("ascii", "ignore").decode()
    if ord(char) < 256 and len(plain) == 1 and plain.isalpha() and unicodedata.decomposition(char)[0] != "<":
        return char  # an accented letter
    return "".join(_SPECIAL.get(letter, letter) for letter in plain) or "?"
