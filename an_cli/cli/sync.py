"""What `sync` does: which runs go where, what of them was sent already, and the process that sends the rest."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from an_cli.cli.find_run import links, runs_of
from an_cli.cli.study import split
from an_cli.config import LaunchConfig, compose, plain
from an_cli.config.launching import Tracking, WandbMode
from an_cli.errors import ConfigError, LaunchError
from an_cli.files import cannot_write
from an_cli.mirror import COMMAND, account_settings, destination, kill_tree, resolve
from an_cli.store import Life, RunFolder, Status, Store, status_of
from an_cli.store.claims import life, newest_claim
from an_cli.store.labels import labels_of
from an_cli.tracking.mirror_run import MirrorOrder, is_sent
from an_cli.tracking.records import launch_of

LOOK_S = 5.0  # between two looks at the runs that `--watch` follows
IN_FLIGHT = 64  # orders that the process has: no more than its pipes hold
AGAIN_S = 60.0  # before it tries one again that could not be sent, or that another mirror sends
_ENDED = (Status.FINISHED, Status.FAILED, Status.IMPORTED)  # no job continues them
_OURS = ("launch=", "launch.tracking=", "launch.wandb.")


@dataclass(frozen=True, kw_only=True)
class SyncItem:
    """One run to mirror: its name for people, and the order."""

    label: str
    order: MirrorOrder

    @property
    def state(self) -> str:
        """ "same" where all of it was sent, "none" where there is nothing to send, else "due"."""
        if not newest_claim(self.order.run) or self.order.run.imported.exists():
            return "none"
        return "same" if is_sent(self.order) else "due"


def sync_items(words: Sequence[str], store: Store, *, again: bool) -> list[SyncItem]:
    """What a command line asks to mirror.

    Args:
        words: studies and runs, all runs of the store where there is none; and `launch.` words.
        store: where they are.
        again: send all of it, whatever was sent.

    Raises:
        ConfigError: a word that is neither, or a tracker that is switched off or has no account.
        StoreError: no such study or run.
    """
    launch_words, others = split(words)
    if science := [word for word in others if "=" in word and "/" not in word.partition("=")[0]]:  # a label has both
        raise ConfigError(
            f"{science[0]!r} is part of an experiment", where="sync", now="launch.KEY=VALUE is legal here"
        )
    asked = compose(launch_words).launch
    chosen = any(word.startswith(_OURS) for word in launch_words)
    items = []
    labels = labels_of(store)
    for run, study in _runs(others, store):
        own = [label for label in labels.get(run.id, []) if not study or label.partition("/")[0] == study]
        label = own[0] if own else run.id
        launch = _settled(asked if chosen else _as_launched(run, asked))
        items.append(SyncItem(label=label, order=MirrorOrder(run=run, launch=launch, study=study, again=again)))
    return items


def _runs(words: Sequence[str], store: Store) -> Iterator[tuple[RunFolder, str]]:
    """Runs in order, each once, and the study as whose row each is shown."""
    seen: set[str] = set()
    linked = links(store)
    named: Sequence[str | None] = list(words) or [None]
    for word in named:
        own = {run_id: link.partition("/")[0] for link, run_id in linked.items() if word and _is_of(link, word)}
        for run in runs_of(store, word):
            if run.id not in seen:
                seen.add(run.id)
                yield run, own.get(run.id, "")


def _is_of(link: str, study: str) -> bool:
    return link.startswith((f"{study}/", f"{study}+"))


def _as_launched(run: RunFolder, asked: LaunchConfig) -> LaunchConfig:
    """Where the command that made a run wanted it shown; only the mode is decided anew: a node had no network."""
    own = launch_of(run)
    if own is None or own.wandb is None:
        return asked
    tracking = own.tracking if own.tracking is Tracking.TENSORBOARD else asked.tracking
    return dataclasses.replace(own, tracking=tracking, wandb=dataclasses.replace(own.wandb, mode=None))


def _settled(launch: LaunchConfig) -> LaunchConfig:
    """The settings of who asks for it in so many words: a missing account is an error here."""
    if launch.tracking is Tracking.TENSORBOARD:
        return launch
    settled = resolve(dataclasses.replace(launch, tracking=Tracking.WANDB))
    account = account_settings()
    if account.off and (launch.wandb is None or launch.wandb.mode is None):
        raise ConfigError("W&B is switched off", where="WANDB_MODE", now="unset it, or name launch.wandb.mode=online")
    if settled.wandb is not None and settled.wandb.mode is WandbMode.ONLINE and not account.account:
        raise ConfigError(
            f"no key for {account.service}",
            where="launch.wandb",
            now="wandb login, or export WANDB_API_KEY; or launch.wandb.mode=offline, launch.tracking=tensorboard",
        )
    return settled


def send(
    items: Sequence[SyncItem],
    store: Store,
    *,
    at_once: int,
    watch: bool,
    tell: Callable[[Mapping[str, Any]], None],
) -> dict[str, Mapping[str, Any]]:
    """Mirror runs, each in a process of its own.

    Args:
        items: what is due.
        store: whose log takes what trackers print.
        at_once: most runs at a time.
        watch: follow those that are going, and those that start, until all have ended or Ctrl-C.
        tell: called with each event: `run`, `state`, and how it went.

    Returns:
        Run id -> the last event.

    Raises:
        LaunchError: the process ended before it was through.
    """
    ends: dict[str, Mapping[str, Any]] = {}
    with _process(store, at_once) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        waiting = _OrderBook(items, watch=watch)
        while True:
            with suppress(BrokenPipeError):  # it is gone, as the end of its output says below
                for request in waiting.due():
                    process.stdin.write(json.dumps(request).encode() + b"\n")
            if not waiting.more:
                process.stdin.close()
            lines = _lines(process, LOOK_S)
            for event in lines or ():
                ends[str(event["run"])] = event
                waiting.ended(str(event["run"]), rest_s=LOOK_S if event["state"] == "sent" else AGAIN_S)
                tell(event)
            if lines is None or not (waiting.more or waiting.busy):
                break
    if waiting.busy:
        raise LaunchError(
            f"the process that sends ended early, with {len(waiting.busy)} runs to go",
            where="an_cli.tracking",
            now="the same command sends the rest",
        )
    return ends


class _OrderBook:
    """Which orders are still to be given."""

    def __init__(self, items: Sequence[SyncItem], *, watch: bool) -> None:
        self._items = {item.order.run.id: item for item in items}
        self._watch = watch
        self.busy: set[str] = set()
        self.more = True
        self._not_before: dict[str, float] = {}

    def due(self) -> list[dict[str, Any]]:
        """Orders to give now."""
        requests: list[dict[str, Any]] = []
        for run_id, item in list(self._items.items()):
            if len(self.busy) == IN_FLIGHT:
                return requests
            if run_id in self.busy:
                continue
            rests = time.monotonic() < self._not_before.get(run_id, 0.0)
            if (is_due := item.state == "due") and not rests:
                going = life(item.order.run) is not Life.DEAD
                requests.append(_request(item, follow=self._watch and going))
                self.busy.add(run_id)
            elif not is_due and status_of(item.order.run) in _ENDED:
                del self._items[run_id]
            if not self._watch:
                self._items.pop(run_id, None)
        self.more = bool(self._items)
        return requests

    def ended(self, run_id: str, *, rest_s: float) -> None:
        """Take note that an order was carried out, or not; with `--watch` another may follow it after a rest."""
        self.busy.discard(run_id)
        self._not_before[run_id] = time.monotonic() + rest_s


def _request(item: SyncItem, *, follow: bool) -> dict[str, Any]:
    order = item.order
    after = newest_claim(order.run) - 1  # of one that is followed: its present attempt
    launch = plain(order.launch)
    return {
        "run": str(order.run.path), "study": order.study, "again": order.again, "follow": follow, "after": after,
        "launch": launch,
    }  # fmt: skip


@contextmanager
def _process(store: Store, at_once: int) -> Iterator[subprocess.Popen[bytes]]:
    try:
        store.mirror_log.parent.mkdir(parents=True, exist_ok=True)
        with store.mirror_log.open("ab") as log:
            process = subprocess.Popen(
                [*COMMAND, "send", str(at_once)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
    except OSError as error:
        raise cannot_write(store.mirror_log, error) from error
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            kill_tree(process.pid)
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _lines(process: subprocess.Popen[bytes], timeout_s: float) -> list[Mapping[str, Any]] | None:
    """Events that came within a time; None once no more will come."""
    assert process.stdout is not None
    end = time.monotonic() + timeout_s
    raw = b""
    while (left := end - time.monotonic()) > 0 and not raw.endswith(b"\n"):
        if select.select([process.stdout], [], [], left)[0]:
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return None if not raw else list(_events(raw))
            raw += chunk
    return list(_events(raw))


def _events(raw: bytes) -> Iterable[Mapping[str, Any]]:
    for line in raw.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            print(line.decode(errors="replace"), file=sys.stderr)
            continue
        yield event


def where_to(items: Iterable[SyncItem]) -> list[str]:
    """The destinations of some runs, as they are printed."""
    return list(dict.fromkeys(destination(item.order.launch) for item in items))
