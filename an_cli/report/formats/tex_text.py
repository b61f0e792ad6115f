"""Any text as LaTeX: specials escaped, Greek in maths, other scripts spelled in letters that every font has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from an_cli.plan.label_latex import harm
from an_cli.report.formats.wording import DASH, clean
from an_cli.report.table import DAGGER

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
    "¬": r"$\neg$",
    **{char: f"\\{char}" for char in "%&_#${}"},
}
_GREEK_NAMES = """
α alpha β beta γ gamma δ delta ε varepsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu
ξ xi π pi ρ rho σ sigma ς varsigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega µ mu ϑ vartheta ϕ phi ϖ varpi ϱ varrho
ϵ epsilon Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega"""  # noqa: RUF001
_GREEK = dict(zip(_GREEK_NAMES.split()[::2], _GREEK_NAMES.split()[1::2], strict=True))
_LIKE_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧοϲϹ", "ABEZHIKMNOPTXocC", strict=True))  # noqa: RUF001
_LETTERS = frozenset("ÆæØøß")  # without an accent, and in every font encoding
_SPELLED = {"¡": "!", "¿": "?", "¢": "c", "£": "GBP", "¤": "?", "¥": "JPY", "¦": "/", "©": "(c)", "«": "<<", "®": "(R)",
            "¶": "P", "»": ">>", "€": "EUR", "Ð": "D", "ð": "d", "Þ": "Th", "þ": "th",
            "‘": "'", "’": "'", "“": "''", "”": "''", "…": "...", "•": "*", "→": "->", "←": "<-"}  # noqa: RUF001  # fmt: skip
_LETTER_NAME = re.compile(r"(?:SMALL |CAPITAL )?LETTER (?:SMALL |CAPITAL )?(?:[A-Z]+ )*?([A-Z]+)(?: WITH .*)?$")
_LIGATURE = re.compile(r"(?<=[-?!`'])(?=[-`'])")
_STRUT = r"\rule[-2.9ex]{0pt}{6.8ex}"  # room for four components above each other, on the line that they are on
MIXTURE = re.compile(r"K=\((\d+(?:,\s*\d+)*)\)")  # the paper's K per stage, set in maths

_WITH_MATH = re.compile(rf"(?<!\\)\$[^$]+\$|{MIXTURE.pattern}")


def escape(text: str, *, stacked_k: bool = False, math: bool = False) -> str:
    """A text in which nothing is a command, but in mathematics that was asked for.

    Accented Latin-1 letters are kept (LaTeX reads UTF-8), Greek is set in maths, K=(...) too; what no common font has
    is spelled in letters (see `spelled`).

    Args:
        stacked_k: set K's components one above the other, as the paper's Table 1 does; needs amsmath.
        math: leave `$...$` as it is where it can do no harm (see `harm`); a dollar that opens nothing is a dollar.
    """
    parts, end = [], 0
    shown = clean(text)
    for match in (_WITH_MATH if math else MIXTURE).finditer(shown):
        parts += [_escaped(shown[end : match.start()]), _in_math(match, stacked_k)]
        end = match.end()
    return "".join([*parts, _escaped(shown[end:])])


def _in_math(match: re.Match[str], stacked_k: bool) -> str:
    if not match.group().startswith("$"):
        return _stacked(match[1]) if stacked_k else f"${match.group()}$"
    return _escaped(match.group()) if harm(match.group()) else match.group()


def _stacked(components: str) -> str:
    column = r"\\".join(word.strip() for word in components.split(","))
    return rf"{_STRUT}$K=\left(\begin{{smallmatrix}}{column}\end{{smallmatrix}}\right)$"


def _escaped(text: str) -> str:
    return "{}".join("".join(map(_char, part)) for part in _LIGATURE.split(text))


def _char(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    letter = unicodedata.normalize("NFD", char)[0]  # Greek without its accents
    if letter in _GREEK:
        return f"$\\{_GREEK[letter]}$"
    if _is_kept(char):
        return char
    return "".join(_SPECIAL.get(letter, letter) for letter in _spelling(char))


def _is_kept(char: str) -> bool:
    """ASCII, and the accented letters of Latin-1."""
    if char.isascii() or char in _LETTERS:
        return True
    parts = unicodedata.normalize("NFD", char)
    return ord(char) < 256 and len(parts) > 1 and parts[0].isascii() and parts[0].isalpha()


def _spelling(char: str) -> str:
    """A character in ASCII: its look, its parts, its name, else its number."""
    for spellings in (_SPELLED, _LIKE_LATIN):
        if char in spellings:
            return spellings[char]
    parts = unicodedata.normalize("NFKD", char).replace("\u2044", "/")
    plain = "".join(_LIKE_LATIN.get(part, _GREEK.get(part, part)) for part in parts).encode("ascii", "ignore").decode()
    if plain.strip():
        return plain
    name = unicodedata.name(char, "")
    letter = _LETTER_NAME.search(name)
    if letter:
        word = letter[1].lower()
        return word.capitalize() if "CAPITAL" in name else word
    return f"[U+{ord(char):04X}]"


def spelled(texts: Iterable[str]) -> dict[str, str]:
    """The characters of some texts that LaTeX is not given as they are -> how they are spelled, in reading order."""
    chars = dict.fromkeys(char for text in texts for char in clean(text))
    return {char: _spelling(char) for char in chars if not (char in _SPECIAL or char in _GREEK or _is_kept(char))}
