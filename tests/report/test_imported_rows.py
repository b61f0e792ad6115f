"""Runs of W&B in a table: beside ours, quoted, with a footnote on what nobody here has checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from an_cli.plan import Plan, PlanRow
from an_cli.plan.imported import imported_numbers
from an_cli.plan.rows import Row
from an_cli.report import Epoch, Table, build_table, render
from an_cli.report.figures.tradeoff import Axis, tradeoff
from an_cli.report.table import RowStatus
from an_cli.store.pulled import PulledRun
from tests.report.by_hand import SPEC, finished, plan, row
from tests.tracking.pulled_by_hand import pulled

RUNS = {f"lab/p/r{number}": pulled(f"lab/p/r{number}", top1) for number, top1 in enumerate((24.0, 25.0))}


def imported(runs: Mapping[str, PulledRun], **fields: object) -> PlanRow:
    published = imported_numbers(Row(label="theirs", imported=tuple(RUNS)), runs)
    given = {"group": "", "baseline": False, "gain_over": "ours", "differs": (), "cells": (), **fields}
    return PlanRow(label="theirs", kind="imported", published=published, note=published.note, **given)  # type: ignore[arg-type]


def build(epoch: Epoch = Epoch.LAST, **fields: object) -> tuple[Plan, Table]:
    ours = row("ours", seeds=(0, 1), baseline=True, gain_over="ours")
    made = plan(ours, (imported(RUNS, **fields), []))
    spec = dataclasses.replace(SPEC, epoch=epoch, brackets=True)
    return made, build_table(made, finished(ours, [22.0, 23.0]), {}, spec)


@pytest.mark.parametrize(("epoch", "mean"), [(Epoch.LAST, 24.5), (Epoch.BEST, 24.0)])
def test_its_numbers_are_those_of_the_epoch_that_the_table_shows(epoch: Epoch, mean: float) -> None:
    _, table = build(epoch)
    theirs = table.rows[1]
    cell = theirs.cell("top1_error_pct")
    assert (cell.value, cell.values) == (mean, (mean - 0.5, mean + 0.5))
    assert cell.spread == pytest.approx(0.5**0.5)
    assert (theirs.status, theirs.kind, theirs.runs, theirs.seeds) == (RowStatus.LITERATURE, "imported", (), ())


def test_a_measure_without_a_best_value_prints_none_in_a_table_of_best_epochs() -> None:
    _, table = build(Epoch.BEST)
    assert table.rows[1].cell("top5_error_pct").value is None


def test_it_gets_no_difference_and_its_footnote_says_what_is_not_verified() -> None:
    _, table = build()
    text = render(table, "markdown")
    assert "quoted, not run here" in text
    assert "imported from W&B: lab/p/r0, lab/p/r1 (mean of 2 runs); not verified: code, data, evaluation" in text
    assert "24.50 ± 0.71" in text
    assert table.rows[1].cell("gain").value is None


def test_the_gain_of_a_row_of_ours_stands_in_brackets() -> None:
    _, table = build(gain_of="ours")
    assert table.rows[1].cell("top1_error_pct").bracket == pytest.approx(2.0)
    assert "24.50(2.00)" in render(table, "markdown").replace(" ", "")


def test_it_is_a_hollow_point_of_the_tradeoff() -> None:
    made, table = build()
    points = {point.label: point for point in tradeoff(made, table, Axis.PARAMS, published=True).points}
    assert (points["theirs"].quoted, points["ours"].quoted) == (True, False)
    assert points["theirs"].x == pytest.approx(25.56e6)
