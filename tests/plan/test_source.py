"""Fixed rows and rounds of seeds keep the contract of sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.plan.search_source import SearchSource
from an_cli.plan.source import Fixed, Records, Rounds, Source
from an_cli.store import Status
from tests.plan.source_contract import WHOLE, SourceContract
from tests.plan.surrogate import candidates, searching
from tests.report.by_hand import record


class TestFixed(SourceContract):
    @pytest.fixture
    def source(self) -> Source:
        return Fixed(WHOLE)


def _one_more_of_mean(records: Records) -> dict[str, int]:
    """A rule that wants another seed of one row until it has five."""
    done = sum(record.status.is_done for record in records.values())
    return {"mean": min(5, max(2, done - 1))}


class TestRounds(SourceContract):
    @pytest.fixture
    def source(self) -> Source:
        return Rounds(WHOLE, first=2, wanted=_one_more_of_mean)

    def test_a_round_has_the_first_seeds_of_each_row(self, source: Rounds) -> None:
        first = source.round({})
        assert [len(row.cells) for row in first.rows] == [2, 2]
        assert [row.cells for row in first.rows] == [row.cells[:2] for row in WHOLE.rows]


class TestSearch(SourceContract):
    """The third source. Its rows are trials, one more after each that is done."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        return SearchSource(searching(tmp_path, candidates(budget={"trials": 4})))

    def test_it_wants_cells_before_anything_has_run(self, source: Source) -> None:
        first = source.next({})
        assert first is not None
        assert [row.label for row in first.rows] == ["trial 0"]
        assert all(row.cells for row in first.rows)

    @pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.QUEUED, Status.RUNNING])
    def test_what_has_not_finished_is_still_wanted(self, source: Source, status: Status) -> None:
        super().test_what_has_not_finished_is_still_wanted(source, status)

    def test_a_trial_that_failed_is_told_and_the_next_one_wanted(self, source: Source) -> None:
        first = source.next({})
        assert first is not None
        broken = record(first.cells[0], Status.FAILED, error="loss is nan")
        second = source.next({broken.id: broken})
        assert second is not None
        assert [row.label for row in second.rows] == ["trial 0", "trial 1"]
