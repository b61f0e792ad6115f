"""LaTeX of the user's own in a label: what is taken, and why the rest is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.errors import StudyError
from an_cli.plan.label_latex import harm
from an_cli.plan.study import study_of


@pytest.mark.parametrize(
    "text",
    [
        r"$\tau=0.1$",
        r"\textbf{$x_1$}",
        r"a \& b",
        "50\\% of {\\em all}",
        r"\parallel",
        r"$\leq\lambda$",
        "Caf\u00e9",
        "",
    ],
)
def test_what_stays_within_its_cell_is_taken(text: str) -> None:
    assert not harm(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a & b", r"write \& for &"),
        ("50% of all", r"write \% for %"),
        ("#1", r"write \# for #"),
        (r"a\\b", r"\\ does not belong"),
        (r"\input{x}", r"\input does not belong"),
        (r"\catcode`$=12", r"\catcode does not belong"),
        (r"\tabularnewline", "does not belong"),
        ("a{b", "braces do not match"),
        ("a}b{", "braces do not match"),
        ("$x{$}", "braces do not match"),
        ("$x", "dollar signs do not match"),
        ("$$x$$", "dollar signs do not match"),
        ("x_1", "between dollar signs"),
        ("label\\", "ends in a backslash"),
        ("\u6f22", "not given as it is"),
        ("a\nb", "not given as it is"),
    ],
)
def test_what_would_break_the_table_is_refused(text: str, why: str) -> None:
    assert why in harm(text)


def test_a_study_names_the_row_whose_label_latex_cannot_read() -> None:
    rows = [{"label": "base", "baseline": True, "label_latex": "50% off"}]
    with pytest.raises(StudyError, match=r"write \\% for % \(mine, row 'base': label_latex\)"):
        study_of("mine", {"rows": rows}, Path("mine.yaml"))
