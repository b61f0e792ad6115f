"""Records written by hand become tables whose every number is known."""

from __future__ import annotations

import dataclasses

import pytest

from an_cli.plan import Plan
from an_cli.report import Epoch, Mark, Quantity, RowStatus, Table, TableCell, TableRow, build_table
from an_cli.report.table import QUOTED
from an_cli.store import Evaluation, RunRecord, Status
from tests.report.by_hand import SPEC, Cost, attempt, finished, plan, quoted, record, result, row

BASE = row("base", baseline=True)
MEAN = row("mean", "norm.attention.squeeze=mean")
ERRORS, OTHERS = (10.0, 11.0, 12.0), (9.5, 10.0, 12.0)


def table_of(plan: Plan, records: list[RunRecord], **fields: object) -> Table:
    return build_table(plan, records, {}, dataclasses.replace(SPEC, **fields))


def row_of(table: Table, label: str) -> TableRow:
    return next(row for row in table.rows if row.label == label)


def both() -> list[RunRecord]:
    return [*finished(BASE, ERRORS), *finished(MEAN, OTHERS)]


def test_a_finished_row_is_this_value() -> None:
    table = table_of(plan(BASE, MEAN), both())
    runs = tuple(cell.id for cell in MEAN[1])
    found = row_of(table, "mean")
    paired_t = found.cells[Quantity.GAIN].comparison
    assert found == TableRow(
        label="mean",
        kind="trained",
        group="",
        baseline=False,
        reference="base",
        status=RowStatus.FINISHED,
        marks=(),
        seeds=(0, 1, 2),
        planned=runs,
        runs=runs,
        notes=(),
        remark="",
        cells={
            Quantity.PARAMS: TableCell(value=78_123, runs=runs),
            Quantity.MACS: TableCell(value=12_345_678, runs=runs),
            "top1_error_pct": TableCell(
                value=10.5,
                spread=pytest.approx(1.3228756555),
                standard_error=pytest.approx(0.7637626158),
                values=OTHERS,
                comparison=found.cells[Quantity.GAIN].comparison,
                bracket=0.5,
                marks=(Mark.TIED,),
                runs=runs,
            ),
            "top5_error_pct": TableCell(
                value=pytest.approx(1.05),
                spread=pytest.approx(0.13228756555),
                standard_error=pytest.approx(0.07637626158),
                values=tuple(error / 10 for error in OTHERS),
                comparison=found.cells["top5_error_pct"].comparison,
                bracket=pytest.approx(0.05),
                marks=(Mark.TIED,),
                runs=runs,
            ),
            Quantity.GAIN: TableCell(
                value=-0.5,
                spread=0.5,
                standard_error=pytest.approx(0.28867513459),
                values=(-0.5, -1.0, 0.0),
                paired=True,
                comparison=paired_t,
                runs=(*runs, *(cell.id for cell in BASE[1])),
            ),
            Quantity.DIFFERS: TableCell(comparison=paired_t),
        },
        config=found.config,
    )


def test_the_baseline_row_has_no_difference_to_itself() -> None:
    found = row_of(table_of(plan(BASE, MEAN), both()), "base")
    assert found.reference == ""
    assert found.cells[Quantity.GAIN] == TableCell(marks=(Mark.BASELINE,))
    assert found.marks == (Mark.BASELINE,)


def test_equal_input_gives_an_equal_table_whatever_the_order_of_records() -> None:
    assert table_of(plan(BASE, MEAN), both()) == table_of(plan(BASE, MEAN), both()[::-1])


def test_the_best_epoch_is_printed_only_when_asked_for_and_named() -> None:
    last = table_of(plan(BASE), finished(BASE, ERRORS))
    best = table_of(plan(BASE), finished(BASE, ERRORS), epoch=Epoch.BEST)
    assert last.rows[0].cells["top1_error_pct"].value == 11.0
    assert best.rows[0].cells["top1_error_pct"].value == 10.5
    assert "last epoch" in " ".join(last.notes)
    assert "best epoch" in " ".join(best.notes)


def test_two_of_three_seeds_is_said_and_the_difference_is_that_of_the_printed_means() -> None:
    half = [*finished(MEAN, OTHERS)[:2], record(MEAN[1][2], Status.RUNNING)]
    table = table_of(plan(BASE, MEAN), [*finished(BASE, ERRORS), *half])
    found = row_of(table, "mean")
    assert found.status is RowStatus.PARTIAL
    assert found.notes == ("2 of 3 seeds; seed 2: running",)
    assert found.cells["top1_error_pct"].value == 9.75
    assert Mark.PARTIAL in found.cells["top1_error_pct"].marks
    assert found.cells[Quantity.GAIN].value == -1.25
    assert found.cells[Quantity.GAIN].notes == (
        "unpaired: not the same seeds as 'base'; difference of the means, standard error 0.63",
    )
    assert found.cells[Quantity.GAIN].runs == (*(one.id for one in MEAN[1][:2]), *(one.id for one in BASE[1]))
    assert table.notes[0] == "Incomplete: 5 of 6 runs."


def test_a_failed_run_is_marked_with_its_cause() -> None:
    error = "Traceback (most recent call last):\n  File x\nRuntimeError: CUDA out\tof memory\n"
    records = [record(cell, Status.FAILED, error=error) for cell in MEAN[1]]
    found = row_of(table_of(plan(BASE, MEAN), [*finished(BASE, ERRORS), *records]), "mean")
    assert found.status is RowStatus.FAILED
    assert found.marks == (Mark.MISSING, Mark.FAILED)
    assert found.notes == ("0 of 3 seeds; seeds 0, 1, 2: failed: RuntimeError: CUDA out of memory",)
    assert found.cells["top1_error_pct"].value is None


def test_nothing_run_is_missing_and_unknown_is_never_failed() -> None:
    records = [record(MEAN[1][0], Status.UNKNOWN), record(MEAN[1][1], Status.WAITING, config=None)]
    table = table_of(plan(BASE, MEAN), records)
    found = row_of(table, "mean")
    assert found.status is RowStatus.MISSING
    assert found.marks == (Mark.MISSING,)
    assert found.notes == (
        "0 of 3 seeds; seed 0: unknown: its machine cannot be seen from here; seed 1: waiting; seed 2: missing",
    )
    assert found.cells[Quantity.GAIN] == TableCell(marks=(Mark.MISSING,))
    assert row_of(table, "base").cells[Quantity.PARAMS] == TableCell(marks=(Mark.MISSING,))


def test_zero_is_zero() -> None:
    perfect = result(
        0.0, best=Evaluation(epoch=0, loss=0.0, samples=1, values={"top1_error_pct": 0.0, "top5_error_pct": 0.0})
    )
    records = [record(cell, result=perfect) for cell in (*BASE[1], *MEAN[1])]
    found = row_of(table_of(plan(BASE, MEAN), records), "mean")
    assert found.cells["top1_error_pct"].value == 0
    assert found.cells[Quantity.GAIN].value == 0
    assert found.cells[Quantity.GAIN].spread == 0


@pytest.mark.parametrize(
    ("top1", "top5", "best"), [(101.0, 1.0, 1.0), (5.0, 6.0, 5.0), (-1.0, -1.0, -1.0), (5.0, 1.0, 6.0)]
)
def test_numbers_that_cannot_be_are_not_averaged(top1: float, top5: float, best: float) -> None:
    evaluation = Evaluation(epoch=3, loss=0.1, samples=9, values={"top1_error_pct": top1, "top5_error_pct": top5})
    broken = result(
        1.0,
        last=evaluation,
        best=dataclasses.replace(evaluation, values={"top1_error_pct": best, "top5_error_pct": 0.0}),
    )
    records = [*finished(BASE, ERRORS)[:2], record(BASE[1][2], result=broken)]
    found = table_of(plan(BASE), records).rows[0]
    assert found.seeds == (0, 1)
    assert Mark.FAILED in found.marks
    assert "seed 2: unreadable" in found.notes[0]


def test_a_folder_that_holds_another_cell_is_not_counted() -> None:
    records = finished(BASE, ERRORS)
    records[1] = dataclasses.replace(records[1], config=MEAN[1][1].config)
    assert table_of(plan(BASE), records).rows[0].seeds == (0, 2)


def test_seeds_not_shared_fall_back_to_unpaired_and_say_so() -> None:
    other = row("mean", "norm.attention.squeeze=mean", seeds=(7, 8))
    found = row_of(table_of(plan(BASE, other), [*finished(BASE, ERRORS), *finished(other, (9.0, 11.0))]), "mean")
    gain = found.cells[Quantity.GAIN]
    assert (gain.value, gain.spread, gain.paired) == (-1.0, None, False)
    assert gain.notes == ("unpaired: no seed in common with 'base'; difference of the means, standard error 1.15",)


def test_a_row_compared_with_another_than_the_baseline_says_so() -> None:
    third = row("sum", "norm.attention.gate=sigmoid", gain_over="mean")
    records = [*both(), *finished(third, (9.0, 9.0, 9.0))]
    gain = row_of(table_of(plan(BASE, MEAN, third), records), "sum").cells[Quantity.GAIN]
    assert gain.value == -1.5
    assert gain.notes == ("difference to 'mean'",)


def test_literature_is_quoted_and_never_compared() -> None:
    gn = quoted("GN", params_m=25.56, flops_g=4.11, top1_error_pct=24.0)
    over = row("mean", "norm.attention.squeeze=mean", gain_over="GN")
    table = table_of(plan(BASE, gn, over), [*finished(BASE, ERRORS), *finished(over, OTHERS)])
    found = row_of(table, "GN")
    assert found.status is RowStatus.LITERATURE
    assert found.cells[Quantity.PARAMS].value == pytest.approx(25_560_000)
    assert found.cells["top1_error_pct"] == TableCell(value=24.0, marks=(Mark.LITERATURE,))
    assert found.cells["top5_error_pct"].value is None
    assert table.footnotes[QUOTED] == "†"
    gain = row_of(table, "mean").cells[Quantity.GAIN]
    assert gain.value is None
    assert gain.marks == (Mark.NOT_COMPARABLE,)


def test_counts_come_from_costs_where_nothing_ran_and_must_agree_where_it_did() -> None:
    costs = {cell.id: Cost(78_123, 99) for cell in BASE[1]}
    before = build_table(plan(BASE), [], costs, SPEC).rows[0].cells
    assert before[Quantity.PARAMS] == TableCell(value=78_123)
    after = build_table(plan(BASE), finished(BASE, ERRORS), costs, SPEC).rows[0].cells
    assert after[Quantity.PARAMS].notes == ()
    assert after[Quantity.MACS].value == 12_345_678
    assert after[Quantity.MACS].notes == ("counts disagree: runs say 12,345,678, the model as it is now 99",)


def test_footnote_marks_run_past_z() -> None:
    rows = [row(f"row {index}", f"recipe.weight_decay={index + 1}e-5", seeds=(0,)) for index in range(30)]
    records = [record(several[1][0], Status.FAILED, error=f"cause {index}") for index, several in enumerate(rows)]
    marks = list(table_of(plan(row("base", baseline=True, seeds=(0,)), *rows), records).footnotes.values())
    assert marks[:2] == ["a", "b"]
    assert marks[25:28] == ["z", "aa", "ab"]


def test_only_the_attempts_that_a_result_stands_on_count() -> None:
    early = (attempt(code_tree="old"), attempt(attempt=2))
    records = [record(cell, result=result(10.0), attempts=early) for cell in BASE[1]]
    assert table_of(plan(BASE), records).rows[0].notes == ()
    resumed = (attempt(code_tree="old"), attempt(attempt=2, resumed_step=100))
    records = [record(cell, result=result(10.0), attempts=resumed) for cell in BASE[1]]
    assert "code" in " ".join(table_of(plan(BASE, MEAN), [*records, *finished(MEAN, OTHERS)]).rows[1].notes)
