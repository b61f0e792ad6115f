"""Commands that die and a cluster that lies: a few of the histories that tests/checks/slurm_histories.py makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.config import Composer
from tests.slurm.histories import History


@pytest.mark.parametrize("first", [0, 4, *(pytest.param(first, marks=pytest.mark.slow) for first in range(8, 40, 4))])
def test_nothing_is_lost_and_nothing_runs_twice(first: int, tmp_path: Path, composer: Composer) -> None:
    launch = composer.compose(["launch=slurm"]).launch
    for seed in range(first, first + 4):
        history = History(seed, tmp_path / str(seed), launch)
        history.live()
        assert not history.broken, f"seed {seed}: {history.broken}"
