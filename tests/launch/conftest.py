"""Scripted runs behind a fake heavy door, so that launching is tested in fractions of a second."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.launch import Door
from an_cli.store import RunFolder, Store

FAKE = (sys.executable, str(Path(__file__).with_name("fake_door.py")))


@pytest.fixture
def fake_door() -> Door:
    return Door(command=FAKE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def scripted(store: Store) -> Callable[..., RunFolder]:
    """A run folder whose attempts do what they are told."""
    made = 0

    def make(*deeds: str) -> RunFolder:
        nonlocal made
        run = store.run(f"{made:016x}")
        made += 1
        run.path.mkdir(parents=True)
        run.cell.write_text("{}")
        (run.path / "script.json").write_text(json.dumps(deeds))
        return run

    return make


@pytest.fixture
def attempts_of() -> Callable[[RunFolder], int]:
    """How often a scripted run was attempted."""

    def count(run: RunFolder) -> int:
        path = run.path / "attempts.txt"
        return len(path.read_text().splitlines()) if path.exists() else 0

    return count
