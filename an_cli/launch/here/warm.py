"""The launcher's end of the warm worker: requests out, events in (protocol: an_cli/worker/serve.py)."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from an_cli.launch.ask.door import Door
from an_cli.store import RunFolder

CLOSE_S = 900.0  # of runs that save; each ends its own waits sooner
log = logging.getLogger("an_cli.launch")


@dataclass(frozen=True, kw_only=True)
class Event:
    """What the worker says: "ready", "started" (with a pid) or "exited" (with an exit status, negative: a signal)."""

    kind: str
    run: str = ""
    pid: int = 0
    exit: int = 0


class Kept:
    """A place for a warm worker that outlives the runs of one call; whoever made the place closes it."""

    worker: WarmWorker | None = None

    def close(self) -> None:
        """Let the worker go, where there is one."""
        if self.worker is not None:
            self.worker.close()
        self.worker = None


class WarmWorker:
    """One `serve` process. It imports torch once and forks a process per run."""

    def __init__(self, door: Door) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = door.start("serve", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)
        self._pending = b""
        self.was_ready = False
        self.ended = False  # nothing more will come: the process is gone

    def start(self, run: RunFolder, environment: Mapping[str, str]) -> None:
        """Ask for one run, with variables of its own. A worker that is gone says so by `ended`, not here."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(
                json.dumps({"run": str(run.path), "environment": dict(environment)}).encode() + b"\n"
            )
            self._process.stdin.flush()

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened, after waiting at most so long for something to happen."""
        assert self._process.stdout is not None
        if self.ended or not select.select([self._process.stdout], [], [], timeout_s)[0]:
            return []
        chunk = os.read(self._process.stdout.fileno(), 65536)
        self.ended = not chunk
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        events = [event for line in lines if (event := _event(line)) is not None]
        self.was_ready |= any(event.kind == "ready" for event in events)
        return events

    def stop(self) -> None:
        """Ask the worker and its runs to save and exit."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self, pids: Iterable[int]) -> None:
        """End the worker and its runs now."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()

    def close(self) -> int:
        """Let the worker go: no more requests; wait for its end and return its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            status = self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._process.stdout.close()
        self._said.seek(0)
        text = self._said.read().decode(errors="backslashreplace").strip()
        self._said.close()
        if text and status not in (0, 128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGHUP, 128 + signal.SIGHUP):
            log.error("%s", text)
        return status


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
        return Event(kind=event["event"], run=event.get("run", ""), pid=event.get("pid", 0), exit=event.get("exit", 0))
    except (ValueError, TypeError, KeyError, AttributeError):
        if line.strip():
            log.warning("the worker said: %s", line.decode(errors="backslashreplace"))
        return None
