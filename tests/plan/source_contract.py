"""What every source of cells owes: a class of tests that each source inherits, with one fixture of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from an_cli.plan import Plan
from an_cli.plan.source import Records, Source
from an_cli.store import Status
from tests.report.by_hand import plan, record, result, row

BASE, MEAN = row("base", "norm=an_bn", seeds=range(6)), row("mean", "norm.attention.squeeze=mean", seeds=range(6))
WHOLE = plan(BASE, MEAN)


def finished(made: Plan, records: Records) -> Records:
    """The records after the cells of a plan have finished."""
    return {**records, **{cell.id: record(cell, result=result(20.0)) for cell in made.cells}}


class SourceContract:
    """Inherit it, and give the fixture `source`: a source of `WHOLE`, or of part of it."""

    @pytest.fixture
    def source(self) -> Source:
        raise NotImplementedError

    def test_it_wants_cells_before_anything_has_run(self, source: Source) -> None:
        first = source.next({})
        assert first is not None
        assert {row.label for row in first.rows} == {"base", "mean"}
        assert all(row.cells for row in first.rows)

    def test_the_same_records_give_the_same_answer(self, source: Source) -> None:
        assert source.next({}) == source.next({})

    def test_it_comes_to_an_end_and_never_takes_back_a_cell(self, source: Source) -> None:
        records: Records = {}
        given: set[str] = set()
        for _ in range(20):
            wanted = source.next(records)
            if wanted is None:
                break
            ids = {cell.id for cell in wanted.cells}
            assert given <= ids, "what was wanted once stays part of the study"
            assert ids - set(records), "a round has something to run"
            given, records = ids, finished(wanted, records)
        else:
            pytest.fail("it wants more for ever")
        assert source.next(records) is None

    @pytest.mark.parametrize("status", [Status.FAILED, Status.INTERRUPTED, Status.QUEUED, Status.RUNNING])
    def test_what_has_not_finished_is_still_wanted(self, source: Source, status: Status) -> None:
        first = source.next({})
        assert first is not None
        records = finished(first, {})
        broken = first.cells[0].id
        records = {**records, broken: replace(records[broken], status=status, result=None)}
        again = source.next(records)
        assert again is not None
        assert broken in {cell.id for cell in again.cells}
