"""Looks at growing data: levels against the literature and simulation, and what a decision says."""

from __future__ import annotations

import numpy as np
import pytest

from an_cli.report.statistics.comparison import Comparison, Covers
from an_cli.report.statistics.sequential import look_levels, repeated_p
from an_cli.report.statistics.stopping import Decision, RowLooks, Rule, State, decide
from tests.checks.error_rates import bound, efficiency, null_tables

RULE = Rule(most_seeds=12, looks=4)
CERTAIN, UNSURE, HOPELESS = 1e-9, 0.2, 0.95


def seen(p: float, value: float = 0.5, seeds: int = 3) -> Comparison:
    return Comparison(
        value=value, covers=Covers.SEEDS, method="t", p=p, low=0.0, high=1.0, seeds_variance=0.09, samples_variance=0.0,
        seeds=seeds,
    )  # fmt: skip


def line(row: str, *looks: Comparison) -> RowLooks:
    return RowLooks(row=row, reference="base", looks=(*looks, *[None] * (4 - len(looks))))


def states(found: Decision) -> list[State]:
    return [row.state for row in found.rows]


def test_one_look_spends_everything() -> None:
    assert look_levels(0.05, (1.0,)) == pytest.approx((0.05,))


def test_the_levels_of_all_looks_together_err_as_often_as_they_should() -> None:
    fractions = (0.25, 0.5, 0.75, 1.0)
    levels = look_levels(0.05, fractions)
    steps = np.random.default_rng(4).normal(size=(200_000, 4)).cumsum(axis=1)
    z = steps / np.sqrt([1, 2, 3, 4])
    from scipy import special

    crossed = np.abs(z) > -special.ndtri(np.array(levels) / 2)
    assert crossed.any(axis=1).mean() == pytest.approx(0.05, abs=0.002)
    assert crossed[:, 0].mean() == pytest.approx(0.05 * 0.25**1.5, abs=0.001)


def test_later_looks_cost_the_earlier_ones_nothing() -> None:
    assert look_levels(0.05, (0.25, 0.5)) == look_levels(0.05, (0.25, 0.5, 0.75, 1.0))[:2]


def test_a_repeated_p_value_is_the_error_rate_that_would_just_reject() -> None:
    fractions = (0.25, 0.5, 0.75, 1.0)
    for alpha in (0.001, 0.01, 0.05):
        level = look_levels(alpha, fractions)[1]
        assert repeated_p([0.9, level], fractions) == pytest.approx(alpha, rel=0.01)
    assert repeated_p([1e-6, 0.9], fractions) == repeated_p([1e-6], fractions) < 0.001
    assert repeated_p([], fractions) == 1.0


def test_looks_are_even_and_start_at_three_seeds() -> None:
    assert Rule().seeds_at == (3, 6, 9, 12, 15, 18, 21, 24, 27, 30)
    assert Rule(most_seeds=24, looks=8).seeds_at == (3, 6, 9, 12, 15, 18, 21, 24)
    assert Rule(most_seeds=5).seeds_at == (3, 4, 5)


def test_nothing_run_asks_for_the_first_look_of_every_row_and_its_reference() -> None:
    found = decide([line("mean"), line("A1")], RULE)
    assert states(found) == [State.OPEN, State.OPEN]
    assert found.seeds == {"mean": 3, "base": 3, "A1": 3}


def test_a_row_that_is_told_apart_asks_for_nothing_more() -> None:
    found = decide([line("mean", seen(CERTAIN)), line("A1", seen(UNSURE))], RULE)
    assert states(found) == [State.TOLD_APART, State.OPEN]
    assert found.seeds == {"mean": 3, "A1": 6, "base": 6}


def test_a_row_that_more_seeds_would_not_tell_apart_is_given_up() -> None:
    assert states(decide([line("mean", seen(HOPELESS, value=0.001), seen(HOPELESS, value=0.001))], RULE)) == [
        State.GIVEN_UP
    ]


def test_seeds_that_are_spent_end_it() -> None:
    looks = [seen(UNSURE)] * 4
    assert states(decide([line("mean", *looks)], RULE)) == [State.SPENT]


def test_what_was_seen_after_a_row_was_closed_changes_nothing() -> None:
    closed = decide([line("mean", seen(CERTAIN))], RULE)
    assert decide([line("mean", seen(CERTAIN), seen(HOPELESS), seen(HOPELESS))], RULE) == closed


def test_a_row_with_a_missing_run_waits_and_does_not_hold_up_the_others() -> None:
    found = decide([line("mean"), line("A1", seen(UNSURE), seen(CERTAIN))], RULE)
    assert states(found) == [State.OPEN, State.TOLD_APART]
    assert found.seeds == {"mean": 3, "A1": 6, "base": 6}


def test_a_row_told_apart_leaves_more_of_the_error_rate_to_the_others() -> None:
    alone = [line("A1", seen(0.004)), line("mean", seen(UNSURE))]
    beside = [line("A1", seen(0.004)), line("mean", seen(CERTAIN))]
    assert states(decide(alone, RULE))[0] is State.OPEN
    assert states(decide(beside, RULE))[0] is State.TOLD_APART


@pytest.mark.slow
def test_null_tables_err_as_seldom_as_they_should() -> None:
    """A small version of `python -m tests.checks.error_rates`."""
    fixed, sequential = null_tables(40)
    assert max(fixed, sequential) <= bound(40)


@pytest.mark.slow
def test_until_resolved_finds_as_much_with_fewer_runs() -> None:
    one, other, share = efficiency(25, 3)
    assert other >= one - 0.15
    assert share < 0.85
