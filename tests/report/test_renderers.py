"""The same table in every format, golden to the byte, hostile labels inert."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.errors import ReportError
from an_cli.report import Quantity, Table, build_table, render, write
from an_cli.report.formats.layout import extent
from an_cli.report.formats.markdown import escape as markdown_escape
from an_cli.report.formats.tex_text import escape as latex_escape
from an_cli.report.formats.wording import count_text, printed_rows, signed_text
from an_cli.store import Store
from tests.report.by_hand import SPEC, finished, plan, row
from tests.report.tables import HOSTILE, Markup, full_table, hostile_table

Golden = Callable[[str, object], None]


def test_one_seed_prints_no_spread(golden: Golden) -> None:
    base = row("base", baseline=True, seeds=(0,))
    mean = row("mean", "norm.attention.squeeze=mean", seeds=(0,))
    table = build_table(plan(base, mean), [*finished(base, (21.59,)), *finished(mean, (21.85,))], {}, SPEC)
    text = render(table, "markdown")
    assert "±" not in text
    assert "+0.26" in text
    assert "One seed per row" in text


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    first = write(full_table(), Store(tmp_path / "a"))
    second = write(full_table(), Store(tmp_path / "b"))
    assert [path.name for path in first] == ["full.md", "full.tex", "full.html", "full.csv", "full.json"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_an_unknown_format_names_the_legal_ones() -> None:
    with pytest.raises(ReportError, match="did you mean latex"):
        render(full_table(), "latec")


def test_json_holds_what_others_rely_on() -> None:
    value = json.loads(render(full_table(), "json"))
    found = next(row for row in value["rows"] if row["label"] == "mean")
    assert value["study"] == "full"
    assert value["epoch"] == "last"
    assert (found["params"], found["macs"], found["n_seeds"]) == (78_123, 12_345_678, 3)
    assert found["top1_error_pct"]["mean"] == 10.25
    assert found["top1_error_pct"]["values"] == [10.0, 10.75, 10.0]
    assert found["gain"]["mean"] == -0.25
    assert len(found["runs"]) == 3
    missing = next(row for row in value["rows"] if row["label"] == "softmax")
    assert missing["top1_error_pct"]["mean"] is None
    assert missing["status"] == "missing"


def test_csv_reads_back_with_unrounded_numbers() -> None:
    lines = list(csv.DictReader(io.StringIO(render(full_table(), "csv"))))
    assert lines[1]["top1_error_pct_marks"] == ""
    assert lines[2]["top1_error_pct_marks"] == "partial"
    assert float(lines[1]["top1_error_pct_std"]) == pytest.approx(0.4330127018922193, abs=1e-15)
    assert lines[4]["top1_error_pct_mean"] == ""


@pytest.mark.parametrize(
    ("count", "measure", "text"),
    [
        (25_755_420, Quantity.PARAMS, "25.76M"),
        (25_652_450, Quantity.PARAMS, "25.65M"),
        (78_123, Quantity.PARAMS, "78.1k"),
        (999_999, Quantity.PARAMS, "1.00M"),
        (999, Quantity.PARAMS, "999"),
        (0, Quantity.PARAMS, "0"),
        (4_089_184_256, Quantity.MACS, "4.09G"),
        (999_999_999, Quantity.MACS, "1.00G"),
        (12_345_678, Quantity.MACS, "12.3M"),
        (4_321, Quantity.MACS, "4.3k"),
    ],
)
def test_counts_print_as_in_the_paper(count: int, measure: Quantity, text: str) -> None:
    assert count_text(count, measure) == text


def test_a_difference_carries_its_sign_and_nothing_has_none() -> None:
    assert [signed_text(value, 2) for value in (0.256, -0.25, 0.0, -0.001, 0.004, -12)] == [
        *("+0.26", "-0.25", "0.00", "0.00", "0.00", "-12.00")
    ]


def test_markdown_is_inert() -> None:
    assert markdown_escape("a|b") == r"a\|b"
    assert markdown_escape("<b>*x*</b> &lt;") == r"\<b\>\*x\*\</b\> \&lt;"
    assert markdown_escape("an_bn _x_") == r"an_bn \_x\_"
    table = hostile_table(HOSTILE)
    bars = {line.replace(r"\|", "").count("|") for line in render(table, "markdown").splitlines() if line[:1] == "|"}
    assert bars == {len(table.columns) + 1}


def test_html_holds_the_cells_that_markdown_holds() -> None:
    table = full_table()
    lines = [line for line in render(table, "markdown").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    plain = [[re.sub(r"</?(?:u|sup)>|\*\*|\\(?=\W)", "", cell) for cell in row] for row in (cells[0], *cells[2:])]
    assert [[cell.strip() for cell in row] for row in Markup(render(table, "html")).rows] == plain


def test_html_and_csv_have_the_same_numbers() -> None:
    table = full_table()
    by_label = {row[0].split(" a")[0]: row for row in Markup(render(table, "html")).rows}
    for line in csv.DictReader(io.StringIO(render(table, "csv"))):
        mean = line["top1_error_pct_mean"]
        if mean:
            found = next(row for label, row in by_label.items() if label.startswith(line["label"]))
            assert any(cell.startswith(f"{float(mean):.2f}") for cell in found), line["label"]


def test_html_is_inert_and_loads_nothing() -> None:
    markup = Markup(render(hostile_table(HOSTILE), "html"))
    page = {"html", "head", "meta", "title", "style", "body", "footer", "p"}
    assert markup.elements <= page | {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "sup", "span"}
    harmless = {"lang", "charset", "http-equiv", "content", "name", "id", "class", "scope", "data-runs"}
    assert markup.attributes <= harmless
    assert "<script>alert(1)</script>" in markup.rows[3][0]  # as text
    assert "default-src 'none'" in render(hostile_table(HOSTILE), "html")


def test_latex_is_escaped_and_k_is_set_in_maths() -> None:
    assert latex_escape("100% a_b #1 & $x$ {y} ~ ^ \\z") == (
        r"100\% a\_b \#1 \& \$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}z"
    )
    assert latex_escape("A2 + K=(10,10,20,20)") == "A2 + $K=(10,10,20,20)$"
    assert latex_escape("\u03b1 \u0394 \u6f22 \u0151") == r"$\alpha$ $\Delta$ [U+6F22] o"


WIDTHS = (20, 40, 60, 80, 100, 120, 132, 200)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("make", [full_table, lambda: hostile_table([*HOSTILE, "\u6f22\u5b57" * 40])])
def test_a_table_fits_its_terminal_and_names_what_it_leaves_out(make: Callable[[], Table], width: int) -> None:
    text = render_width(make(), width)
    assert max(map(extent, text.splitlines())) <= width
    columns = [column for column in make().columns if column.title not in hidden_in(text)]
    whole = render(dataclasses.replace(make(), columns=tuple(columns)), "terminal")
    if set(hidden_in(text)) <= {"#Params", "FLOPs"}:  # footnotes to a hidden column are still printed
        assert letters(text.partition("Not shown in")[0]) == letters(whole)


def hidden_in(text: str) -> list[str]:
    """Titles that the last line of a table says it leaves out."""
    titles = " ".join(text.split()).partition("but written: ")[2].rstrip(".")
    return titles.split(", ") if titles else []


def letters(text: str) -> Counter[str]:
    return Counter(re.sub(r"[\s\u2500]", "", text))


def render_width(table: Table, width: int) -> str:
    return render(table, "terminal", width=width)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_the_numbers_of_a_row_are_never_broken(width: int) -> None:
    table, text = full_table(), render_width(full_table(), width)
    for cells in printed_rows(table):
        for column, cell in zip(table.columns, cells, strict=True):
            number = f"{cell.number} \u00b1 {cell.spread}" if cell.spread else f"{cell.number} {cell.interval}".strip()
            assert number in text or column.title in hidden_in(text)


def test_at_80_columns_a_row_is_one_line_of_numbers_and_its_label_wraps_between_words() -> None:
    lines = render_width(full_table(), 80).splitlines()
    row = next(index for index, line in enumerate(lines) if line.startswith("RSD"))
    assert lines[row].rstrip().endswith("baseline")
    assert "10.50 \u00b1 0.25" in lines[row]
    assert lines[row + 1].split() == ["+", "K=(10,10,20,20)"]


def test_a_style_does_not_move_a_column() -> None:
    plain_lines = render_width(full_table(), 100)
    painted = render(full_table(), "terminal", width=100, paint=lambda text, style: f"\x1b[1m{text}\x1b[0m")
    assert "\x1b[1m" in painted
    assert re.sub(r"\x1b\[[0-9]m", "", painted) == plain_lines


def test_a_wide_terminal_changes_nothing() -> None:
    assert render_width(full_table(), 500) == render(full_table(), "terminal")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_tables_compile(tmp_path: Path) -> None:
    latin = "".join(map(chr, [*range(32, 127), *range(160, 256)]))
    tables = [full_table(), hostile_table([*HOSTILE, latin, "\u03b1\u03b2\u03b3\u03b4\u03b5\u03a9 \u00b5"])]
    names = [str(write(table, Store(tmp_path), ["latex"])[0]) for table in tables]
    body = "\n".join(rf"\input{{{name}}}" for name in names)
    source = rf"\documentclass{{article}}\usepackage{{booktabs,tabularx}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "paper.tex").write_text(source)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 1000
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize(
    ("options", "width_in", "overfull"), [("twocolumn", 7.0, False), ("10pt", 7.0, False), ("10pt", 4.0, True)]
)
def test_a_wide_table_crosses_both_columns_or_the_log_calls_it_overfull(
    tmp_path: Path, options: str, width_in: float, overfull: bool
) -> None:
    (tmp_path / "wide.tex").write_text(render(full_table(), "latex"))
    source = (
        rf"\documentclass[{options}]{{article}}\usepackage{{booktabs,tabularx}}\usepackage[textwidth={width_in}in]{{geometry}}"
        r"\begin{document}Text.\input{wide}\typeout{set as \ancli}\end{document}"
    )
    (tmp_path / "paper.tex").write_text(source)
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert ("Overfull" in log) is overfull
    assert f"set as table{'*' if options == 'twocolumn' or overfull else ''}\n" in log


def test_a_label_for_latex_is_set_as_it_is_and_others_print_the_plain_one() -> None:
    one = row("tau", baseline=True, gain_over="", label_latex=r"$\tau=0.1$")
    table = build_table(plan(one), [], {}, SPEC)
    assert r"$\tau=0.1$" in render(table, "latex")
    for format in ("markdown", "html", "terminal", "csv"):
        assert "tau" in render(table, format)
        assert r"\tau" not in render(table, format)


@pytest.mark.parametrize(
    ("label", "plain", "math"),
    [
        (r"lr $\tau_1$ at 5%", r"lr \$\textbackslash{}tau\_1\$ at 5\%", r"lr $\tau_1$ at 5\%"),
        ("costs $5 or $6", r"costs \$5 or \$6", "costs $5 or $6"),
        ("costs $5", r"costs \$5", r"costs \$5"),
        (r"$\input{x}$", r"\$\textbackslash{}input\{x\}\$", r"\$\textbackslash{}input\{x\}\$"),
        ("$a & b$", r"\$a \& b\$", r"\$a \& b\$"),
        ("K=(5,5) $x$", r"$K=(5,5)$ \$x\$", "$K=(5,5)$ $x$"),
    ],
)
def test_dollars_are_mathematics_only_where_that_is_asked_for_and_does_no_harm(
    label: str, plain: str, math: str
) -> None:
    assert latex_escape(label) == plain
    assert latex_escape(label, math=True) == math


def test_the_spec_asks_for_mathematics() -> None:
    table = build_table(plan(row("$K$", baseline=True, gain_over="")), [], {}, dataclasses.replace(SPEC, math=True))
    assert "    $K$" in render(table, "latex")
    assert r"\$K\$" in render(table, "markdown")


def test_a_cell_without_a_column_leaves_no_footnote() -> None:
    table = full_table()
    narrow = dataclasses.replace(table, columns=table.columns[:1])
    assert not any("no difference" in text for text in narrow.footnotes)
    assert any("no difference" in text for text in table.footnotes)
