"""What the scheduler says of this user's jobs: at most two calls, shared by all an-cli processes of the user.

Jobs that another user has submitted for a shared store are asked for by their ids, in two calls more. Where a cluster
hides others' jobs (PrivateData), their absence says nothing.

An answer that cannot be read is no answer. A job that an answer leaves out is not over: the observation only remembers
since when it is missing.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from an_cli.errors import AnError
from an_cli.files import write_atomic
from an_cli.launch.slurm.intent import token_of
from an_cli.launch.slurm.scheduler import Scheduler
from an_cli.store import Store

FRESH_S = 5.0
PLAIN = -1  # stands for the element of a job that is no array's
Key = tuple[str, int]  # a token, and an element of its array
_NO_ACCOUNTS = "accounting storage is disabled"
_QUEUE = "%F|%K|%j|%T|%N|%B|%r"  # %B names the node also of a job that is over
_ACCOUNTS = "JobID,JobName,State,ExitCode,Submit,NodeList"
_SUBMIT_SLACK_S = 86400  # sacct is asked from a day before the oldest job in question


@dataclass(frozen=True, kw_only=True)
class QueueRow:
    """One job, or element of an array, as squeue or sacct prints it."""

    job: str
    state: str
    node: str = ""
    reason: str = ""
    exit: str = ""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen, and when.

    Attributes:
        at: time of the look.
        queue: (token, element) -> row of squeue; None when squeue gave no answer.
        accounts: the same of sacct; None when it gave none, or was not asked.
        trouble: why something is missing.
    """

    at: float
    queue: Mapping[Key, QueueRow] | None
    accounts: Mapping[Key, QueueRow] | None
    trouble: str = ""


@dataclass
class Observer:
    """Looks at the scheduler, seldom enough.

    Args:
        scheduler: how SLURM is spoken to.
        cache: folder that all an-cli processes of the user share; None looks each time.
        clock: seconds since the epoch.
    """

    scheduler: Scheduler
    cache: Path | None = field(default_factory=lambda: cache_folder())
    clock: Callable[[], float] = time.time

    def look(
        self,
        keys: Collection[Key],
        since: float,
        *,
        accounts: bool,
        fresh_s: float = FRESH_S,
        others: Collection[str] = (),
    ) -> Observation:
        """The newest observation, at most `fresh_s` seconds old; its calls are made by one process at a time.

        Args:
            keys: the jobs in question; sacct is asked only where squeue leaves one of them out.
            since: when the oldest job in question was submitted.
            accounts: whether there is an sacct to ask.
            fresh_s: age up to which another process's look will do.
            others: ids of other users' jobs that are in question.
        """
        if self.cache is None:
            return self._ask(keys, since, accounts, others)
        path = self.cache / "observation.json"
        with _locked(self.cache / "lock"):
            cached = _read(path, keys, since, accounts, others)
            if cached is not None and 0 <= self.clock() - cached.at < fresh_s:
                return cached
            seen = self._ask(keys, since, accounts, others)
            _write(path, seen, since, others)
            return seen

    def _ask(self, keys: Collection[Key], since: float, accounts: bool, others: Collection[str]) -> Observation:
        own = f"--user={os.getuid()}"
        (queue, trouble), accounted = self._queue(own), None
        troubles = [trouble]
        if accounts and (queue is None or any(key not in queue for key in keys)):
            start = datetime.fromtimestamp(max(0.0, since - _SUBMIT_SLACK_S)).strftime("%Y-%m-%dT%H:%M:%S")
            accounted, trouble = self._accounts(own, f"--starttime={start}")
            troubles.append(trouble)
        if others:
            ids = f"--jobs={','.join(sorted(others))}"
            theirs, _ = self._queue(ids)
            queue = None if queue is None else {**(theirs or {}), **queue}
            if accounts and accounted is not None:
                theirs, _ = self._accounts("--allusers", ids)
                accounted = {**(theirs or {}), **accounted}
        return Observation(at=self.clock(), queue=queue, accounts=accounted, trouble="; ".join(filter(None, troubles)))

    def _queue(self, whose: str) -> tuple[dict[Key, QueueRow] | None, str]:
        """Rows of squeue; None and the trouble where it gives no answer."""
        answer = self.scheduler("squeue", "--noheader", "--array", "--states=all", whose, f"--format={_QUEUE}")
        rows = read_queue(answer.out) if answer.status == 0 else None
        return rows, f"squeue: {answer.trouble or 'an answer that cannot be read'}" if rows is None else ""

    def _accounts(self, *whose: str) -> tuple[dict[Key, QueueRow] | None, str]:
        """Rows of sacct; none of a cluster that keeps no accounts, None and the trouble where it gives no answer."""
        words = ("--noheader", "--parsable2", "--allocations", *whose, f"--format={_ACCOUNTS}")
        answer = self.scheduler("sacct", *words)
        rows = read_accounts(answer.out) if answer.status == 0 else None
        rows = {} if _NO_ACCOUNTS in answer.trouble.lower() else rows
        return rows, f"sacct: {answer.trouble or 'an answer that cannot be read'}" if rows is None else ""


def read_queue(text: str) -> dict[Key, QueueRow] | None:
    """Rows of squeue that carry one of our tokens; None when nothing in the text is a row, and yet there is a text.

    Lines that are no rows, banners for example, are passed over.
    """
    rows, legible = {}, not text.strip()
    for line in text.splitlines():
        fields = line.strip().split("|", 6)
        if len(fields) != 7:
            continue
        legible = True
        array, task, name, state, node, host, reason = fields
        node = node or ("" if host.lower() in ("n/a", "unknown", "(null)") else host)
        token = token_of(name)
        if token and array.isdecimal() and task.isdecimal():
            rows[token, int(task)] = QueueRow(job=f"{array}_{task}", state=state, node=node, reason=reason)
        elif token and array.isdecimal() and task == "N/A":  # no array's, or what is left of one that never started
            rows[token, PLAIN] = QueueRow(job=array, state=state, node=node, reason=reason)
    return rows if legible else None


def read_accounts(text: str) -> dict[Key, QueueRow] | None:
    """Rows of sacct that carry one of our tokens; of several about one job the latest submitted counts.

    None when nothing in the text is a row, and yet there is a text.
    """
    rows: dict[Key, tuple[str, QueueRow]] = {}
    legible = not text.strip()
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) != 6:
            continue
        legible = True
        job, name, state, status, submitted, node = fields
        array, _, element = job.partition("_")
        token = token_of(name)
        if not (token and array.isdecimal()):
            continue
        for task in _tasks(element):
            before = rows.get((token, task))
            if before is None or before[0] <= submitted:
                named = array if task == PLAIN else f"{array}_{task}"
                rows[token, task] = submitted, QueueRow(job=named, state=state, node=node, exit=status)
    return {key: row for key, (_, row) in rows.items()} if legible else None


def _tasks(element: str) -> list[int]:
    """Elements of an array as sacct writes them: `3`, or `[4-6,8%2]` of those that ended before they started."""
    if not element:
        return [PLAIN]
    tasks: list[int] = []
    for part in element.strip("[]").partition("%")[0].split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            return []
        tasks += range(int(first), int(last or first) + 1)
    return tasks


def cache_folder() -> Path:
    """Where all an-cli processes of this user on this machine keep what they saw."""
    named = os.environ.get("AN_CLI_CACHE")
    top = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "an-cli"
    return top / f"slurm-{os.uname().nodename}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; where the cache cannot be used, each looks for itself."""
    with ExitStack() as held:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Of this machine's processes: the folder's name says which machine.
            fcntl.flock(held.enter_context(path.open("w")), fcntl.LOCK_EX)
        yield


def _write(path: Path, seen: Observation, since: float, others: Collection[str]) -> None:
    value = {
        "at": seen.at,
        "since": since,
        "queue": _flat(seen.queue),
        "accounts": _flat(seen.accounts),
        "trouble": seen.trouble,
        "others": sorted(others),
    }
    try:
        write_atomic(path, json.dumps(value))
    except (AnError, OSError):
        return


def _flat(rows: Mapping[Key, QueueRow] | None) -> list[list[Any]] | None:
    if rows is None:
        return None
    return [[token, task, row.job, row.state, row.node, row.reason, row.exit] for (token, task), row in rows.items()]


def _read(
    path: Path, keys: Collection[Key], since: float, accounts: bool, others: Collection[str]
) -> Observation | None:
    """What another process saw, unless it lacks what is asked here."""
    try:
        value = json.loads(path.read_bytes())
        queue, accounted = _rows(value["queue"]), _rows(value["accounts"])
        unasked = accounted is None and "sacct" not in value["trouble"]
        in_question = queue is None or any(key not in queue for key in keys)
        if accounts and in_question and (unasked or value["since"] > since):
            return None
        if set(others) - set(value["others"]):
            return None
        return Observation(at=float(value["at"]), queue=queue, accounts=accounted, trouble=str(value["trouble"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _rows(flat: list[list[Any]] | None) -> dict[Key, QueueRow] | None:
    if flat is None:
        return None
    return {
        (token, task): QueueRow(job=job, state=state, node=node, reason=reason, exit=status)
        for token, task, job, state, node, reason, status in flat
    }


def submitted_since(store: Store, tokens: Iterable[str], clock: Callable[[], float] = time.time) -> float:
    """When the oldest of some submissions was made: by a file that nobody changes, as jobs do their folder."""
    times = []
    for token in tokens:
        try:
            times.append((store.jobs / token / "intent.json").stat().st_mtime)
        except OSError:
            continue
    return min(times, default=clock())
