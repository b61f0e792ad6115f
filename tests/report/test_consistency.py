"""No part of a table denies another; `python -m tests.checks.consistent_tables` looks at a thousand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.report.random_tables import contradictions, random_study


@pytest.mark.parametrize("seed", range(5))
def test_no_part_of_a_table_denies_another(seed: int) -> None:
    generator = np.random.default_rng([7, seed])
    for number in range(12):
        assert [*contradictions(random_study(generator))] == [], (seed, number)
