"""Fixed rows and rounds of seeds keep the contract of sources."""

from __future__ import annotations

import pytest

from an_cli.plan.source import Fixed, Records, Rounds, Source
from tests.plan.source_contract import WHOLE, SourceContract


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
