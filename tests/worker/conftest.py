"""The heavy door's evaluations, asked one after the other of one process: starting it costs seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest


class Evaluations:
    """One `evaluate` process. Each request is answered by processes forked from it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "an_cli.worker", "evaluate"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

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
