"""Numbers as per-sample evidence: values, tests and intervals against loops, scipy, and the variation they cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from an_cli.config.task import Summary
from an_cli.report.evidence.per_sample import numbers as samples_of
from an_cli.report.evidence.per_sample import value_of
from an_cli.report.statistics import numbers
from an_cli.report.statistics.comparison import Covers
from an_cli.store import Kind, PerSample
from tests.checks.coverage import coverage_of_numbers


def evidence(values_n: np.ndarray) -> PerSample:
    return PerSample(len(values_n), "f", {"last.squared": values_n.astype("<f4").tobytes()}, Kind.FLOAT32)


def test_the_mean_over_samples_is_the_measure_itself() -> None:
    squared = np.square(np.random.default_rng(0).normal(size=(3, 200)))
    runs = tuple(map(evidence, squared))
    for summary in (Summary.MEAN, Summary.ROOT_MEAN):
        means = samples_of(runs, "last.squared", summary).mean(axis=1)
        assert means == pytest.approx([value_of(one, "last.squared", summary) for one in runs], rel=1e-12)
    assert value_of(runs[0], "last.squared", Summary.ROOT_MEAN) == pytest.approx(np.sqrt(squared[0].mean()), rel=1e-6)


def test_a_network_without_an_error_has_an_rmse_of_nothing() -> None:
    assert samples_of((evidence(np.zeros(5)),), "last.squared", Summary.ROOT_MEAN).tolist() == [[0.0] * 5]


def test_one_seed_is_the_paired_t_test_over_samples() -> None:
    row, reference = np.random.default_rng(1).normal(size=(2, 1, 40))
    found, expected = numbers.one_seed(row, reference), stats.ttest_rel(row[0], reference[0])
    assert found.covers is Covers.SAMPLES
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()), abs=1e-12)


def test_the_two_way_layout_equals_plain_loops() -> None:
    d_sn = np.random.default_rng(2).normal(size=(4, 7)) + np.arange(4)[:, None] / 10 + np.arange(7) / 5
    seeds, samples, grand = 4, 7, d_sn.mean()
    ms_seed = samples * sum((d_sn[s].mean() - grand) ** 2 for s in range(seeds)) / (seeds - 1)
    ms_sample = seeds * sum((d_sn[:, i].mean() - grand) ** 2 for i in range(samples)) / (samples - 1)
    rest = 0.0
    for s in range(seeds):
        for i in range(samples):
            rest += (d_sn[s, i] - d_sn[s].mean() - d_sn[:, i].mean() + grand) ** 2
    ms_rest = rest / ((seeds - 1) * (samples - 1))
    found = numbers.two_way(d_sn)
    assert found.seeds == pytest.approx(ms_seed / (seeds * samples), rel=1e-12)
    assert found.samples == pytest.approx(max(0.0, ms_sample - ms_rest) / (seeds * samples), rel=1e-12)


def test_equal_runs_do_not_differ_and_a_constant_shift_of_one_seed_is_not_tested() -> None:
    same = np.random.default_rng(3).normal(size=(1, 30))
    assert numbers.one_seed(same, same).p == 1.0
    assert numbers.one_seed(np.ones((1, 4)), np.zeros((1, 4))).p is None
    assert numbers.several_seeds(np.repeat(same, 3, 0), np.repeat(same, 3, 0)).p == 1.0


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    for case in ((0.0, 0.0), (0.1, 1.0)):
        for share in coverage_of_numbers(5, case, tables=400, samples=200):
            assert 0.915 <= share <= 0.985  # of 400 tables; tests.checks.coverage takes thousands
