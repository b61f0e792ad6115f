"""Fixtures of the tests on a real cluster; without one they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.slurm.harness import Site
from tests.slurm.presence import has_cluster


@pytest.fixture(scope="session")
def on_cluster() -> None:
    """For tests in files named `*on_cluster.py`, which run one after the other."""
    if not has_cluster():
        pytest.skip("no test cluster: bash tests/slurm/cluster.sh start, as root (needs slurm-wlm, munge, mariadb)")


@pytest.fixture
def make_site(on_cluster: None, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a user's folder with a tiny study; its jobs end with the test."""
    made: list[Site] = []

    def make(name: str = "site", **settings: Any) -> Site:
        made.append(Site(tmp_path / name, **settings))
        return made[-1]

    yield make
    for site in made:
        site.cancel()
