"""Which row is printed as the best, and what stands beside the paper's numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from an_cli.plan import Plan, PlanRow, Published
from an_cli.report import Mark, Quantity, Spec, Table, build_table, render
from an_cli.report.compare.power import power, seeds_needed
from an_cli.report.compare.published import PaperVerdict
from an_cli.store import CLASSIFICATION, Evaluation, PerSample, RunRecord
from tests.report.by_hand import SPEC, finished, plan, record, result, row
from tests.report.coin import evaluations

PLANES = CLASSIFICATION.planes

BASE = row("base", baseline=True)
MEAN = row("mean", "norm.attention.squeeze=mean")
SUM = row("sum", "norm.attention.gate=sigmoid")
SAMPLES = 4000
ABOUT_PAPER = (*SPEC.columns, Quantity.PAPER, Quantity.PAPER_DIFFERENCE, Quantity.PAPER_VERDICT)


def judged(shifts: Sequence[float], spec: Spec = SPEC, seeds: int = 3, **changes: object) -> Table:
    """A table of made-up evaluations with their bits; a shift of 0.1 is about 2.5 points."""
    chosen = (BASE, MEAN, SUM)[: len(shifts)]
    rows = [row(one[0].label, *one[0].set, seeds=range(seeds), baseline=one is BASE) for one in chosen]
    found = evaluations(
        np.random.default_rng(10), rows=len(shifts), seeds=seeds, samples=SAMPLES, seed_spread=0.005,
        sample_spread=0.0, shifts=np.array(shifts),
    )  # fmt: skip
    records: list[RunRecord] = []
    bits: dict[str, PerSample | str] = {}
    for several, wrong_sn in zip(rows, found, strict=True):
        for cell, wrong_n in zip(several[1], wrong_sn, strict=True):
            pct = 100 * int(wrong_n.sum()) / SAMPLES
            last = Evaluation(epoch=3, loss=0.1, samples=SAMPLES, values={"top1_error_pct": pct, "top5_error_pct": pct})
            records.append(record(cell, result=result(pct, last=last, best=last)))
            packed = np.packbits(wrong_n ^ 1).tobytes()
            bits[cell.id] = PerSample(SAMPLES, "e7a1", dict.fromkeys(PLANES, packed))
    made = dataclasses.replace(plan(*rows), **changes)
    return build_table(made, records, {}, spec, samples=bits)


def marks(table: Table) -> list[set[Mark]]:
    return [{Mark.BEST, Mark.TIED} & set(row.cells["top1_error_pct"].marks) for row in table.rows]


def test_the_best_is_bold_when_it_is_told_apart_from_every_other_row() -> None:
    table = judged((0.0, -0.3, 0.3))
    assert marks(table) == [set(), {Mark.BEST}, set()]
    assert r"\textbf{" in render(table, "latex")
    assert "**" in render(table, "markdown").split("| mean")[1].split("\n")[0]


def test_rows_that_cannot_be_told_apart_are_tied_and_none_is_bold() -> None:
    table = judged((0.0, 0.001, 0.3))
    assert marks(table) == [{Mark.TIED}, {Mark.TIED}, set()]
    assert r"\textbf{" not in render(table, "latex")
    assert any("the best is not known" in note for note in table.notes)


def test_a_baseline_can_be_the_best() -> None:
    assert marks(judged((-0.3, 0.0, 0.0))) == [{Mark.BEST}, set(), set()]


def test_the_table_says_which_rows_differ_and_which_do_not() -> None:
    notes = judged((0.0, 0.001, 0.3)).notes
    assert "Differ: sum." in notes
    assert "Not told apart: mean." in notes
    assert "Intervals and p-values cover both seeds and evaluation samples." in notes


def test_one_seed_says_that_it_covers_samples_only() -> None:
    table = judged((0.0, 0.3), seeds=1)
    gain = table.rows[1].cells[Quantity.GAIN].comparison
    assert gain is not None
    assert gain.method == "exact McNemar"
    assert any("cover the evaluation samples only" in note for note in table.notes)


def test_runs_without_samples_are_never_called_the_best() -> None:
    table = build_table(plan(BASE, MEAN), [*finished(BASE, (9.0,) * 3), *finished(MEAN, (8.0,) * 3)], {}, SPEC)
    assert marks(table) == [set(), set()]
    assert table.rows[1].cells[Quantity.GAIN].value == -1.0


def with_paper(several: tuple[PlanRow, list], top1: float) -> tuple[PlanRow, list]:
    published = Published(
        key="k", label="The paper's label", params_m=None, flops_g=None, top1_error_pct=top1, top5_error_pct=None,
        source="Table 1 row 1", note="",
    )  # fmt: skip
    return dataclasses.replace(several[0], published=published), several[1]


def paper_table(top1: float, errors: Sequence[float], seeds: int = 3, **changes: object) -> Table:
    base = with_paper(row("base", baseline=True, seeds=range(seeds)), top1)
    made: Plan = dataclasses.replace(plan(base), **changes)
    return build_table(made, finished(base, errors), {}, dataclasses.replace(SPEC, columns=ABOUT_PAPER))


@pytest.mark.parametrize(
    ("top1", "errors", "verdict"),
    [
        (11.2, (10.0, 11.0, 12.0), PaperVerdict.WITHIN),
        (16.5, (10.0, 11.0, 12.0), PaperVerdict.OUTSIDE),
        (15.9, (10.0, 11.0, 12.0), PaperVerdict.WITHIN),  # t = 4.303, s = 1, sqrt(1 + 1/3): 4.968
        (10.4, (10.0,), PaperVerdict.WITHIN),
        (14.0, (10.0,), PaperVerdict.OUTSIDE),
    ],
)
def test_a_printed_number_is_within_when_it_could_be_one_more_run(
    top1: float, errors: tuple[float, ...], verdict: PaperVerdict
) -> None:
    cells = paper_table(top1, errors, len(errors)).rows[0].cells
    assert cells[Quantity.PAPER].value == top1
    assert cells[Quantity.PAPER_DIFFERENCE].value == pytest.approx(sum(errors) / len(errors) - top1)
    assert cells[Quantity.PAPER_VERDICT].word == verdict


def test_a_study_changed_on_the_command_line_is_not_compared_with_the_paper() -> None:
    cells = paper_table(11.0, (10.0, 11.0, 12.0), overrides=("recipe.epochs=3",)).rows[0].cells
    assert cells[Quantity.PAPER_VERDICT].word == PaperVerdict.NOT_COMPARABLE
    assert Quantity.PAPER_DIFFERENCE not in cells


def test_the_papers_label_is_printed_where_the_spec_asks_for_it() -> None:
    base = with_paper(BASE, 11.0)
    spec = dataclasses.replace(SPEC, paper_labels=True)
    table = build_table(plan(base), finished(BASE, (10.0, 11.0, 12.0)), {}, spec)
    assert "The paper's label" in render(table, "markdown")
    assert table.rows[0].label == "base"


def test_columns_about_the_paper_are_left_out_where_there_is_nothing_to_compare() -> None:
    table = build_table(plan(BASE), [], {}, dataclasses.replace(SPEC, columns=ABOUT_PAPER))
    assert Quantity.PAPER not in [column.measure for column in table.columns]


def test_power_promises_what_more_seeds_then_keep() -> None:
    """The seeds asked for tell the same difference apart in about four of five fresh tables."""
    table = judged((0.0, 0.03), seeds=4)
    comparison = table.rows[1].cells[Quantity.GAIN].comparison
    assert comparison is not None
    asked = power(table)
    assert comparison.separated(0.05) or (asked[0].more or 0) > 0
    wide = dataclasses.replace(comparison, value=0.5, seeds_variance=0.25, samples_variance=0.0, seeds=4)
    needed = seeds_needed(wide, 0.05)
    assert needed is not None
    drawn = np.random.default_rng(11).normal(0.5, 1.0, size=(4000, needed))
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / needed**0.5)
    from scipy import stats

    assert (np.abs(t) > stats.t(needed - 1).ppf(0.975)).mean() == pytest.approx(0.8, abs=0.04)


def test_no_number_of_seeds_tells_apart_what_the_samples_leave_open() -> None:
    comparison = judged((0.0, 0.01), seeds=3).rows[1].cells[Quantity.GAIN].comparison
    assert comparison is not None
    assert seeds_needed(dataclasses.replace(comparison, value=0.1, samples_variance=1.0), 0.05) is None
