"""The heavy door's evaluations, asked one after the other of one process: starting it costs seconds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.warm_door import warm_door


class Evaluations:
    """One `evaluate` process. Each request is answered by processes forked from it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [*warm_door(), "evaluate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The first line of the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="session")
def evaluations() -> Iterator[Evaluations]:
    door = Evaluations()
    try:
        yield door
    finally:
        door.process.kill()
        door.process.communicate()
