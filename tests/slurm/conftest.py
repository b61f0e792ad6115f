"""Fixtures of the tests on a real cluster; without one they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.slurm.harness import Site, has_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """There is one cluster, and its tests hurt it: they run one after the other, in one process."""
    for item in items:
        if "on_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def on_cluster() -> None:
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
