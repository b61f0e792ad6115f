"""A warm worker under test: torch is imported once, every run is a fork."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from an_cli.store import RunFolder
from tests.warm_door import warm_door


class Warm:
    """One `serve` process, asked for runs by folder."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [*warm_door(), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.next() == {"event": "ready"}

    def next(self) -> dict[str, object]:
        """The next event."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker is gone"
        return dict(json.loads(line))

    def ask(self, run: RunFolder | Path) -> None:
        """Ask for a run."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"run": str(getattr(run, "path", run))}) + "\n")
        self.process.stdin.flush()

    def start(self, run: RunFolder) -> int:
        """Ask for a run; returns its pid."""
        self.ask(run)
        while (event := self.next())["event"] != "started":
            pass
        return int(str(event["pid"]))

    def exits(self, count: int) -> dict[str, int]:
        """Exit statuses of the next runs to end, by run id."""
        found: dict[str, int] = {}
        while len(found) < count:
            event = self.next()
            if event["event"] == "exited":
                found[Path(str(event["run"])).name] = int(str(event["exit"]))
        return found

    def exit(self) -> int:
        """Exit status of the next run to end."""
        return next(iter(self.exits(1).values()))


@contextmanager
def warm_worker() -> Iterator[Warm]:
    """A worker that is gone afterwards, whatever the test has done to it."""
    worker = Warm()
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.communicate()


def wait_for(condition: Callable[[], object], seconds: float = 90) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
