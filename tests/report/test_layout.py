"""Columns that fit a width: what wraps, what goes, and what is never broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.report.formats.layout import ColumnHead, TextCell, extent, lay_out, wrap

HEADS = [ColumnHead(title="label", words=True), ColumnHead(title="loss", weight=1), ColumnHead(title="top-1 (%)")]
WIDE = "\u6f22\u5b57\u304b\u306a"


def laid(label: str, width: int | None) -> list[str]:
    layout = lay_out(HEADS, [[TextCell(label), TextCell("0.123"), TextCell("16.38 \u00b1 0.99")]], width)
    return [*layout.head, *(line for row in layout.rows for line in row)]


def test_without_a_width_every_column_is_as_wide_as_it_needs() -> None:
    assert laid("gate=softmax,seed=0", None)[1] == "gate=softmax,seed=0  0.123  16.38 \u00b1 0.99"


def test_a_label_wraps_before_a_name_and_never_within_k() -> None:
    lines = laid("gate=softmax,K=(10,10,20,20)", 40)
    assert [line[:16].rstrip() for line in lines[1:]] == ["gate=softmax,", "K=(10,10,20,20)"]
    assert lines[1].endswith("16.38 \u00b1 0.99")


def test_the_heaviest_column_goes_before_a_label_has_less_than_half() -> None:
    layout = lay_out(
        HEADS, [[TextCell("twenty letters, four words"), TextCell("0.123"), TextCell("16.38 \u00b1 0.99")]], 30
    )
    assert layout.hidden == ("loss",)


def test_wide_letters_take_two_columns_and_break_anywhere() -> None:
    assert extent(WIDE) == 8
    assert max(extent(line) for line in laid(WIDE * 20, 40)) <= 40
    assert wrap(WIDE, 5) == ["\u6f22\u5b57", "\u304b\u306a"]


def test_a_mark_stays_with_its_letter() -> None:
    assert extent("e\u0301") == 1
    assert wrap("\u304b\u3099" * 3, 2) == ["\u304b\u3099"] * 3


def test_a_word_longer_than_a_line_is_broken_and_nothing_is_lost() -> None:
    assert wrap("x" * 25, 10, later="  ") == ["x" * 8, "  " + "x" * 8, "  " + "x" * 8, "  x"]


@pytest.mark.parametrize("width", [20, 60, 80, 100, 120, 200])
@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf")), max_size=90))
def test_no_line_is_wider_than_the_terminal(width: int, label: str) -> None:
    assert max(extent(line) for line in laid(label, width)) <= width


@given(st.lists(st.text("ab ,", max_size=30), min_size=1, max_size=4), st.integers(20, 90))
def test_wrapping_keeps_every_letter(words: list[str], width: int) -> None:
    text = " ".join(words)
    assert "".join(wrap(text, width)).replace(" ", "") == text.replace(" ", "")
