"""Tests and intervals against scipy's, and against the variation they are meant to cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from an_cli.report.statistics.comparison import Covers
from an_cli.report.statistics.inference import (
    Variance,
    all_runs,
    half_width,
    holm,
    mcnemar_interval,
    mcnemar_p,
    one_seed,
    p_value,
    seeds_alone,
    several_seeds,
    two_way,
    unpaired,
)
from tests.checks.coverage import coverage
from tests.report.coin import evaluations


def test_mcnemar_equals_scipy_on_a_thousand_cases() -> None:
    generator = np.random.default_rng(1)
    for _ in range(1000):
        first, second = (int(count) for count in generator.integers(0, generator.integers(1, 3000), size=2))
        expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
        assert mcnemar_p(first, second) == pytest.approx(expected, abs=1e-12)


def test_the_papers_rows_1_and_8_cannot_be_told_apart_by_their_samples() -> None:
    """21.59 and 21.62 %: 15 images of 50,000, whatever reasonable share of images the two disagree on."""
    for disagreeing in (501, 2001, 5001):
        only_row = (disagreeing + 15) // 2
        assert mcnemar_p(only_row, disagreeing - only_row) > 0.3


def test_one_seed_counts_the_samples_that_one_row_alone_gets_wrong() -> None:
    row = np.array([[1, 1, 1, 0, 0, 0, 1, 0]], dtype=np.uint8)
    reference = np.array([[1, 0, 0, 0, 0, 1, 0, 0]], dtype=np.uint8)
    found = one_seed(row, reference)
    assert found.covers is Covers.SAMPLES
    assert found.value == 100 * (3 - 1) / 8
    assert found.p == pytest.approx(stats.binomtest(3, 4).pvalue)
    assert found.effect == 0.25


def test_mcnemars_interval_holds_zero_exactly_where_its_p_value_says_so() -> None:
    for row in range(12):
        for reference in range(12):
            low, high = mcnemar_interval(row, reference, 50)
            assert (low <= 0 <= high) is (mcnemar_p(row, reference) > 0.05), (row, reference)
            assert low <= (row - reference) * 2 <= high
            assert low < high


def test_mcnemars_interval_is_about_as_wide_as_the_normal_one_where_much_is_seen() -> None:
    low, high = mcnemar_interval(1200, 800, 20_000)
    spread = 100 * math.sqrt((2000 / 20_000 - (400 / 20_000) ** 2) / 20_000)
    assert (low + high) / 2 == pytest.approx(2.0, abs=0.1)
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_nothing_seen_to_differ_leaves_an_interval_all_the_same() -> None:
    same = np.zeros((3, 400), dtype=np.uint8)
    for found in (several_seeds(same, same), all_runs(same, same[:2]), one_seed(same, same)):
        assert found.low is not None
        assert found.high is not None
        assert found.low < -0.5 < 0.5 < found.high
        assert found.p == 1.0


@pytest.mark.parametrize("taste", [0.0, 0.5])
@pytest.mark.parametrize("seeds", [(3, 3), (2, 5), (4, 3)])
def test_rows_of_other_seeds_are_told_apart_by_chance_in_one_of_twenty(seeds: tuple[int, int], taste: float) -> None:
    generator = np.random.default_rng(3)
    rejected = 0
    for _ in range(300):
        rows = evaluations(generator, rows=2, seeds=max(seeds), samples=300, seed_spread=0.05, sample_spread=taste)
        p = all_runs(rows[0][: seeds[0]], rows[1][: seeds[1]]).p
        rejected += p is not None and p <= 0.05
    assert rejected <= 26  # 99.9 % of a rate of one in twenty; `tests.checks.error_rates` takes more tables


def test_the_two_way_variance_is_that_of_its_definition() -> None:
    generator = np.random.default_rng(2)
    d_sn = generator.integers(-1, 2, size=(4, 50)).astype(np.int8)
    seeds, samples = d_sn.shape
    ms_seed = samples * d_sn.mean(axis=1).var(ddof=1)
    ms_sample = seeds * d_sn.mean(axis=0).var(ddof=1)
    rest = d_sn - d_sn.mean(axis=1, keepdims=True) - d_sn.mean(axis=0, keepdims=True) + d_sn.mean()
    ms_rest = (rest**2).sum() / ((seeds - 1) * (samples - 1))
    found = two_way(d_sn)
    assert found.seeds == pytest.approx(1e4 * ms_seed / (seeds * samples))
    assert found.samples == pytest.approx(1e4 * max(0.0, ms_sample - ms_rest) / (seeds * samples))


def test_without_samples_the_test_is_scipys_paired_t() -> None:
    here, there = np.array([20.1, 20.9, 20.4, 20.2]), np.array([20.6, 20.8, 21.1, 20.9])
    found = seeds_alone(here - there)
    expected = stats.ttest_rel(here, there)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)
    interval = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_without_a_seed_in_common_the_test_is_scipys_welch() -> None:
    here, there = np.array([20.1, 20.9, 20.4]), np.array([20.6, 20.8, 21.1, 22.9])
    found = unpaired(here, there)
    expected = stats.ttest_ind(here, there, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.low == pytest.approx(expected.confidence_interval().low)


@pytest.mark.parametrize("found", [Variance(0.04, 0.0, 2), Variance(0.04, 0.02, 2), Variance(0.001, 0.05, 9)])
@pytest.mark.parametrize("value", [0.01, 0.3, 1.0, 4.0])
def test_the_p_value_is_the_level_at_which_the_interval_ends_at_zero(value: float, found: Variance) -> None:
    assert half_width(found, p_value(value, found)) == pytest.approx(value, rel=1e-6)


def test_one_part_alone_gives_students_and_the_normal_interval() -> None:
    assert half_width(Variance(0.04, 0.0, 2), 0.05) == pytest.approx(0.2 * stats.t(2).ppf(0.975))
    assert half_width(Variance(0.0, 0.04, 2), 0.05) == pytest.approx(0.2 * stats.norm.ppf(0.975))


@pytest.mark.parametrize("differences", [(-1.25, -1.25), (20.05 - 19.95, 18.35 - 18.25, 0.1), (0.0, 0.0)])
def test_equal_differences_of_all_seeds_are_not_tested(differences: tuple[float, ...]) -> None:
    found = seeds_alone(np.array(differences))
    assert (found.p, found.low, found.covers) == (None, None, Covers.NOTHING)


def test_rows_that_are_wrong_at_the_same_samples_do_not_differ() -> None:
    same = np.random.default_rng(3).integers(0, 2, size=(3, 40)).astype(np.uint8)
    assert several_seeds(same, same).p == 1.0
    assert one_seed(same[:1], same[:1]).p == 1.0


def test_holm_steps_down_and_stays_in_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == [0.8, 0.9]
    assert holm([]) == []


@pytest.mark.parametrize("case", [(0.05, 0.0), (0.0, 0.6), (0.03, 0.3)])
def test_intervals_of_three_seeds_hold_the_truth_about_as_often_as_they_say(case: tuple[float, float]) -> None:
    """A small version of `python -m tests.checks.coverage`: 600 tables leave 93 to 97 % a margin of 2 %."""
    used, _, _ = coverage(3, case, 600, samples=400)
    assert 0.91 <= used <= 0.99
