"""The published-number ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.errors import StudyError
from an_cli.plan import read_ledger

HEADER = "key,label,params_m,flops_g,top1_error_pct,top5_error_pct,source,note\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "reports" / "paper" / "mine.csv"
    path.parent.mkdir(parents=True)
    return path


def test_table_1_holds_the_printed_numbers() -> None:
    ledger = read_ledger("table1")
    assert list(ledger) == ["best", "mean", "mean_std", "a1", "softmax", "sigmoid", "k_half", "k_double"]
    assert (ledger["best"].params_m, ledger["best"].flops_g) == (25.76, 4.09)
    assert (ledger["sigmoid"].top1_error_pct, ledger["sigmoid"].top5_error_pct) == (21.96, 5.91)


def test_every_published_row_names_its_source() -> None:
    assert all(row.source for row in read_ledger("table1").values())


def test_what_is_not_printed_is_none(own: Path) -> None:
    own.write_text(HEADER + "a,A,,,21.5,,here,\n")
    row = read_ledger("mine")["a"]
    assert (row.params_m, row.top1_error_pct, row.top5_error_pct) == (None, 21.5, None)


def test_an_unknown_ledger_names_the_nearest() -> None:
    with pytest.raises(StudyError, match=r"unknown ledger 'tabel1' .*did you mean table1\? legal: "):
        read_ledger("tabel1")


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "a,A,many,,,,here,\n",
        HEADER + "a,A\n",
        "key,label\na,A\n",
        HEADER + "a,A,,,,,here,\na,B,,,,,here,\n",
    ],
)
def test_a_ledger_that_does_not_read_is_refused_with_its_file(own: Path, text: str) -> None:
    own.write_text(text)
    with pytest.raises(StudyError) as caught:
        read_ledger("mine")
    assert caught.value.where == str(own)


def test_a_ledger_that_is_not_utf8_is_refused(own: Path) -> None:
    own.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="cannot read a line"):
        read_ledger("mine")
