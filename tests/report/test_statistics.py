"""Means, spreads and differences against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.report.statistics.seeds import difference, summarize

ERRORS = st.dictionaries(st.integers(0, 9), st.floats(0, 100, allow_nan=False), min_size=2, max_size=8)


@given(ERRORS)
def test_mean_and_spread_equal_numpy(values: dict[int, float]) -> None:
    found = summarize(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(np.mean(list(values.values())), abs=1e-12)
    assert found.std == pytest.approx(np.std(list(values.values()), ddof=1), abs=1e-9)
    assert found.standard_error == pytest.approx(np.std(list(values.values()), ddof=1) / len(values) ** 0.5, abs=1e-9)


@given(ERRORS, ERRORS)
def test_difference_is_paired_by_seed_or_says_that_it_is_not(
    row: dict[int, float], reference: dict[int, float]
) -> None:
    found = difference(row, reference)
    shared = [*row] if set(row) == set(reference) else []
    assert found is not None
    assert found.paired is bool(shared)
    assert found.seeds == tuple(shared)
    if shared:
        pairs = np.array([row[seed] - reference[seed] for seed in shared])
        assert found.sample.mean == pytest.approx(pairs.mean(), abs=1e-12)
        assert found.sample.std == (pytest.approx(pairs.std(ddof=1), abs=1e-9) if len(shared) > 1 else None)
    else:
        here, there = np.array(list(row.values())), np.array(list(reference.values()))
        assert found.sample.mean == pytest.approx(here.mean() - there.mean(), abs=1e-12)
        error = np.sqrt(here.var(ddof=1) / len(here) + there.var(ddof=1) / len(there))
        assert found.sample.standard_error == pytest.approx(error, abs=1e-9)
        assert found.sample.std is None


def test_one_seed_has_no_spread() -> None:
    found = summarize({0: 10.5})
    assert (found.mean, found.std, found.standard_error) == (10.5, None, None)


def test_equal_seeds_have_a_spread_of_exactly_zero() -> None:
    assert summarize({0: 0.1, 1: 0.1, 2: 0.1}).std == 0
    assert summarize({0: 0.1, 1: 0.1, 2: 0.1}).mean == 0.1


def test_no_measurement_has_no_mean_and_no_difference() -> None:
    assert summarize({}).mean is None
    assert difference({}, {0: 1.0}) is None
    assert difference({0: 1.0}, {}) is None


def test_unpaired_single_seeds_have_no_standard_error() -> None:
    found = difference({0: 3.0}, {1: 1.0})
    assert found is not None
    assert (found.sample.mean, found.sample.standard_error, found.paired) == (2.0, None, False)
