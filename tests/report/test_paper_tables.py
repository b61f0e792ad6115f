"""The paper's five tables, from recorded runs and from the ledger: its row order, brackets, daggers, and its look."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from an_cli.plan import load_study, make_plan, read_ledger
from an_cli.plan.ledger import TABLES
from an_cli.report import Quantity, Table, build_table, load_spec, published_table, render
from an_cli.report.compare.published import PaperVerdict
from an_cli.report.formats.latex import spelled_characters
from an_cli.report.formats.tex_text import escape
from tests.checks.fuzz_latex import PREAMBLE, compile_tex, document, fuzzed
from tests.report.by_hand import COMPOSER, record, result
from tests.report.tables import full_table, hostile_table

needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


def recorded(name: str) -> Table:
    """A study's table from runs whose numbers are the printed ones."""
    plan = make_plan(load_study(name), COMPOSER)
    ledger = read_ledger(name)
    records = []
    for row in plan.rows:
        if row.kind == "literature" or row.published is None:
            continue
        printed = ledger[row.published.key]
        top1, top5 = printed.top1_error_pct, printed.top5_error_pct
        assert top1 is not None
        assert top5 is not None
        found = result(top1)
        values = {"top1_error_pct": top1, "top5_error_pct": top5}
        last = type(found.last)(loss=1.0, epoch=119, samples=50_000, values=values)
        one = next(cell for cell in plan.cells if cell.id == row.cells[0])
        records.append(record(one, result=result(top1, last=last, best=last)))
    return build_table(plan, records, {}, load_spec(plan))


@pytest.mark.parametrize("name", ["table1", "table2", "table3"])
def test_recorded_runs_give_the_papers_rows_and_numbers_in_its_order(name: str) -> None:
    table, ledger = recorded(name), list(read_ledger(name).values())
    assert len(table.rows) == len(ledger)
    for row, printed in zip(table.rows, ledger, strict=True):
        assert row.cells["top1_error_pct"].value == printed.top1_error_pct, row.label
        assert row.cells["top5_error_pct"].value == printed.top5_error_pct, row.label
        if row.kind != "literature":
            assert row.cells[Quantity.PAPER_VERDICT].word == PaperVerdict.WITHIN


def test_table_2_prints_the_gains_of_an_in_brackets_where_the_paper_does() -> None:
    text = render(recorded("table2"), "latex")
    for row in ("ResNet-50-BN &", r"\textsuperscript{$\dagger$}ResNet-50-GN", "ResNet-101-AN (w/ BN)"):
        assert row in text
    for bracket in ("23.01(1.42)", "6.68(0.80)", "23.52(1.93)", "22.43(0.84)", "22.37(0.78)", "20.61(0.72)"):
        assert bracket in text, bracket
    best = next(line for line in text.splitlines() if "ResNet-50-AN" in line)
    assert "21.59 &" in best


@pytest.mark.parametrize("name", TABLES)
def test_the_ledger_prints_as_the_papers_table(name: str) -> None:
    table = published_table(name)
    assert [row.remark for row in table.rows] == [row.note for row in read_ledger(name).values()]
    text = render(table, "latex")
    for printed in read_ledger(name).values():
        for measure, gain in printed.gains.items():
            decimals = 2 if measure.startswith("top") else 1
            bracket = f"({gain:.{decimals}f})" if gain >= 0 else f"($-{-gain:.{decimals}f}$)"
            assert bracket in text, (printed.key, measure)
    assert text.count(r"\dagger") == sum(row.not_by_authors for row in read_ledger(name).values()) + (
        1 if any(row.not_by_authors for row in read_ledger(name).values()) else 0
    )


def test_table_1_stacks_the_mixtures_components() -> None:
    text = render(published_table("table1"), "latex")
    assert r"K=\left(\begin{smallmatrix}5\\5\\10\\10\end{smallmatrix}\right)" in text
    assert "amsmath" in text.splitlines()[0]


def test_equal_runs_print_equal_bytes() -> None:
    assert render(recorded("table2"), "latex") == render(recorded("table2"), "latex")


@needs_latex
def test_all_tables_compile(tmp_path: Path) -> None:
    tables = [*map(published_table, TABLES), *map(recorded, ("table1", "table2", "table3"))]
    said = compile_tex("\n".join(render(table, "latex") for table in tables), tmp_path)
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
    assert "Missing character" not in said


def demo_of_three_seeds() -> Table:
    """The demo's table, with intervals and p-values as wide as they get."""
    plan = make_plan(load_study("demo"), COMPOSER)
    records = [
        record(one, result=result(16.0 + index % 7 / 3 + 5 * (one.config.seed == 1)))
        for index, one in enumerate(plan.cells)
    ]
    return build_table(plan, records, {}, load_spec(plan))


@needs_latex
@pytest.mark.parametrize("page", [r"\usepackage[margin=1in]{geometry}", "", r"\usepackage{fullpage}"])
def test_no_table_sticks_out_of_the_page(page: str, tmp_path: Path) -> None:
    tables = [*map(published_table, TABLES), *map(recorded, ("table1", "table2", "table3"))]
    tables += [demo_of_three_seeds(), full_table()]
    said = compile_tex("\n".join(render(table, "latex") for table in tables), tmp_path, PREAMBLE + page)
    assert "[-" in render(tables[-2], "latex")
    assert [line for line in said.splitlines() if line.startswith("Overfull")] == []


@needs_latex
def test_an_overfull_line_would_be_found(tmp_path: Path) -> None:
    said = compile_tex(r"\hbox to 3pt{much too long}", tmp_path)
    assert [line for line in said.splitlines() if line.startswith("Overfull")]


@needs_latex
def test_fuzzed_labels_compile(tmp_path: Path) -> None:
    """A small version of `python -m tests.checks.fuzz_latex`."""
    said = compile_tex(document(fuzzed(120, seed=9)), tmp_path)
    assert "Missing character" not in said


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("\u0416\u0443\u043a", "Zheuka"),
        ("\u6f22", "[U+6F22]"),
        ("\u0151\u0142", "ol"),
        ("\u03ac \u03bf \u0391", r"$\alpha$ o A"),
        ("\u00bf\u00bd \u00a9", "?1/2 (c)"),
        ("A2 + K=(5, 5,10,10)", "A2 + $K=(5, 5,10,10)$"),
    ],
)
def test_other_characters_are_spelled(text: str, tex: str) -> None:
    assert escape(text) == tex


def test_the_characters_that_are_spelled_are_named() -> None:
    table = hostile_table(["caf\u00e9 \u6f22 \u03b1 \u0436"])
    assert spelled_characters(table) == {"\u6f22": "[U+6F22]", "\u0436": "zhe"}
