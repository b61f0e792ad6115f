"""Reading runs from W&B through its public API, with few requests, a limit for each, and patience where it asks for it.

The SDK sends requests from a process of its own that tries again for hours and delays the end of ours by as much. It is
told to give up soon; what passes is waited for here, where the user can see it.
"""

from __future__ import annotations

import atexit
import itertools
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from an_cli.errors import TrackerError
from an_cli.mirror import descendants
from an_cli.redact import redact

PAUSES_S = (5.0, 15.0, 60.0)  # before a request that was turned away is sent again; limits are counted by the minute
REQUEST_S = 30  # for an answer
END_S = 5.0  # for the SDK's process at the end of ours
PAGE = 50  # runs in one answer
SAMPLES = 10_000  # most rows of a history that are asked for
_PASSING = re.compile(r"HTTP (?:429|5\d\d)|deadline exceeded|did not respond|timed? ?out|refused|reset|EOF", re.I)
_LIMITED = re.compile(r"HTTP 429")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run as a list shows it. `stamp` changes when the run does."""

    id: str
    name: str
    stamp: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FetchedRun:
    """A run with its config and summary. `logs`: names of the metrics that its history has."""

    id: str
    name: str
    url: str
    group: str
    tags: tuple[str, ...]
    state: str
    created_at: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    logs: frozenset[str]
    stamp: tuple[str, ...]
    handle: Any  # the SDK's own object, through which its history is asked for


class WandbReader:
    """The runs of one project."""

    def __init__(self, project: str, say: Callable[[str], None], pauses_s: Sequence[float] = PAUSES_S) -> None:
        """Log in.

        Args:
            project: ENTITY/PROJECT.
            say: what tells the user that W&B lets us wait.
            pauses_s: before each further try of a request that may pass.

        Raises:
            TrackerError: no key, a key that is refused, no answer.
        """
        self._project, self._say, self._pauses = project, say, pauses_s
        self._api = self._asked(log_in)

    def listed(self, filters: Mapping[str, Any]) -> list[ListedRun]:
        """Runs that pass a filter, oldest first; a request for every 50.

        Raises:
            TrackerError: no such project, or no answer.
        """
        runs = self._pages(filters, lazy=True)
        return [ListedRun(id=run.id, name=run.name or run.id, stamp=_stamp(run)) for run in runs]

    def fetched(self, ids: Sequence[str]) -> Iterator[FetchedRun]:
        """Runs with config and summary; a request for every 50.

        Raises:
            TrackerError: no answer.
        """
        for start in range(0, len(ids), PAGE):
            for run in self._pages({"name": {"$in": list(ids[start : start + PAGE])}}, lazy=False):
                yield FetchedRun(
                    id=run.id,
                    name=run.name or run.id,
                    url=run.url,
                    group=run.group or "",
                    tags=tuple(run.tags or ()),
                    state=run.state,
                    created_at=str(run.created_at),
                    config=dict(run.config),
                    summary=dict(run.summary_metrics),
                    logs=frozenset((run.history_keys or {}).get("keys", ())),
                    stamp=_stamp(run),
                    handle=run,
                )

    def logged(self, run: FetchedRun, metric: str) -> list[float]:
        """A metric's logged values, in order; `SAMPLES` of them at most. One request.

        Raises:
            TrackerError: no answer.
        """
        rows = self._asked(lambda: run.handle.history(samples=SAMPLES, keys=[metric], pandas=False))
        return [float(row[metric]) for row in rows if isinstance(row.get(metric), int | float)]

    def _pages(self, filters: Mapping[str, Any], *, lazy: bool) -> Iterator[Any]:
        runs = self._api.runs(self._project, filters=dict(filters), per_page=PAGE, lazy=lazy)
        for index in itertools.count():
            run = self._asked(lambda at=index: _at(runs, at))  # type: ignore[misc]
            if run is None:
                return
            yield run

    def _asked(self, call: Callable[[], _Answer]) -> _Answer:
        """What a call of the SDK answers; tried again where what failed may pass."""
        for pause in (*self._pauses, None):
            try:
                return call()
            except Exception as error:  # the SDK raises classes of its own, of HTTP's, and bare ValueErrors
                text = " ".join(redact(str(error)).split())
                if pause is None or not _PASSING.search(text):
                    raise explained(error, self._project) from error
                why = "limits how often it may be asked" if _LIMITED.search(text) else "does not answer"
                self._say(f"note: W&B {why}; trying again in {pause:g} s")
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def explained(error: Exception, where: str) -> TrackerError:
    """What the SDK raised, as one line without a secret. `where`: ENTITY/PROJECT."""
    text = " ".join(redact(str(error)).split())
    if "Could not find project" in text:
        return TrackerError("W&B has no such project, or not for this key", where=where, now="check its address")
    if "No API key" in text or "No authentication" in text:
        return TrackerError("no key for W&B", where=where, now="wandb login, or set WANDB_API_KEY")
    if _LIMITED.search(text):
        now = "the same command goes on where this one ended, once W&B lets it"
        return TrackerError("W&B limits how often it may be asked (HTTP 429)", where=where, now=now)
    if _PASSING.search(text):
        return TrackerError("W&B does not answer", where=where, now=f"the same command goes on from here: {text}")
    if type(error).__name__ == "AuthenticationError":
        return TrackerError("W&B refuses the key", where=where, now="wandb login --relogin, or set WANDB_API_KEY")
    return TrackerError(f"W&B: {text or type(error).__name__}", where=where)


def _at(runs: Any, index: int) -> Any:
    """A run of a list by its place, or None behind the end. The SDK's iterator leaves one out where a page fails."""
    try:
        return runs[index]
    except IndexError:
        return None


def _stamp(run: Any) -> tuple[str, ...]:
    return tuple(str(part) for part in (run.state, run.heartbeat_at, run.history_line_count))


def quieten() -> None:
    """Keep the SDK from reporting on itself to its makers, unless the user lets it."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


def log_in() -> Any:
    """The SDK's public API, logged in, with little patience of its own; nothing is asked at a prompt."""
    quieten()
    import wandb

    settings = wandb.Settings(
        silent=True,
        x_graphql_retry_max=1,
        x_graphql_retry_wait_min_seconds=1,
        x_graphql_retry_wait_max_seconds=5,
        x_graphql_timeout_seconds=REQUEST_S,
    )
    wandb.setup(settings)
    atexit.register(_bound_end)  # runs before the SDK's own end, which waits for requests that nobody answers
    with without_prompt():
        return wandb.Api(timeout=3 * REQUEST_S)


def _bound_end() -> None:
    """Give the SDK's process a few seconds to end by itself; what only reads has nothing left to send."""
    signal.signal(signal.SIGALRM, _end_service)
    signal.setitimer(signal.ITIMER_REAL, END_S)


def _end_service(number: int, frame: object) -> None:
    for pid in descendants(os.getpid()):
        with suppress(OSError):
            if b"wandb-core" in Path("/proc", str(pid), "cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


@contextmanager
def without_prompt() -> Iterator[None]:
    """No terminal for the SDK, which asks for a missing key where it sees one."""
    own = sys.stdin
    with open(os.devnull) as nothing:
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = own
