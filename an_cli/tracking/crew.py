"""The processes that mirror runs: one for each run, so that a service that hangs for one keeps no other waiting.

The tracker's SDK is imported once; a run's process is forked from here. This process runs no SDK call and starts no
thread, so that a fork is safe.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from an_cli.config import LaunchConfig, read
from an_cli.config.launching import Tracking
from an_cli.errors import AnError, StoreError
from an_cli.mirror import descendants, destination, kill_tree
from an_cli.redact import redact
from an_cli.store import RunFolder
from an_cli.store.sent import Sent, failed
from an_cli.tracking.mirror_run import MirrorOrder, is_sent, mirror_run
from an_cli.tracking.records import launch_of

END_S = 3.0  # for all that is left to be sent once the command or the job ends
TERM_S = 20.0  # after SIGTERM: a job's runs save meanwhile, and how they ended is still to be sent
SEND_S = 300.0  # for a run as it stands: a service that answers takes it in a few seconds
AGAIN_S = (1.0, 20.0, 60.0, 180.0)  # pauses before a run whose tracker failed is tried again
_TRY_AGAIN = 75
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
log = logging.getLogger("an_cli.tracking")


@dataclass
class _Waiting:
    order: MirrorOrder
    not_before: float = 0.0
    tries: int = 0
    gives_up_at: float = float("inf")


@dataclass
class Crew:
    """Takes orders until its input ends, and has each carried out by a child.

    Attributes:
        orders: file descriptor of the input.
        events: file descriptor of the output.
        at_once: most children; None: as many as there are runs to follow, whose end the end of the input announces.
    """

    orders: int
    events: int
    at_once: int | None
    _queue: deque[_Waiting] = field(default_factory=deque)
    _children: dict[int, _Waiting] = field(default_factory=dict)
    _open: bool = True
    _deadline: float = float("inf")
    _pending: bytes = b""

    def run(self) -> int:
        """Work until nothing is left to do, or no time; returns the exit status."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what a killed child leaves comes to us, to be ended too
        self._wake, wake_end = os.pipe()
        self._stop, self._stop_end = os.pipe()  # its end tells the children that time is short
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, lambda number, frame: self._hurry(TERM_S))
        while (self._open or self._queue or self._children) and time.monotonic() < self._deadline:
            self._fill()
            self._hear()
            self._end_slow_ones()
            self._reap()
        left = list(self._children.values())
        for pid in descendants(os.getpid()):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for waiting in (*left, *self._queue):
            self._give_up(waiting.order, "there was no time to send it")
        return 1 if left or self._queue else 0

    def _hurry(self, limit_s: float) -> None:
        self._deadline = min(self._deadline, time.monotonic() + limit_s)

    def _hear(self) -> None:
        sources = [self._wake, *([self.orders] if self._open else [])]
        readable, _, _ = select.select(sources, [], [], 0.5)
        if self._wake in readable:
            os.read(self._wake, 4096)
        if self.orders in readable:
            self._read_orders()

    def _read_orders(self) -> None:
        chunk = os.read(self.orders, 65536)
        if not chunk:
            self._end()
            return
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            if (order := self._order(line)) is not None:
                self._queue.append(_Waiting(order))

    def _end(self) -> None:
        """No more orders come: runs that are followed are sent as they stand, for who followed them has ended."""
        self._open = False
        os.close(self._stop_end)
        if self.at_once is None:
            self._hurry(END_S)
        for waiting in (*self._queue, *self._children.values()):
            waiting.not_before = 0.0  # now or not at all
            waiting.gives_up_at = min(waiting.gives_up_at, time.monotonic() + SEND_S)

    def _order(self, line: bytes) -> MirrorOrder | None:
        try:
            asked: dict[str, Any] = json.loads(line)
            run = RunFolder(Path(asked["run"]))
            own = asked.get("launch")
            launch = launch_of(run) if own is None else read(LaunchConfig, own, where="launch", error=StoreError)
        except (ValueError, KeyError, TypeError, AnError) as error:
            log.warning("an order that does not read: %s", error)
            return None
        if launch is None or launch.tracking in (Tracking.NONE, Tracking.AUTO):
            self._say(run, state="failed", error="its job.json names no tracker")
            return None
        words = {key: asked[key] for key in ("study", "after", "follow", "again") if key in asked}
        return MirrorOrder(run=run, launch=launch, **words)

    def _fill(self) -> None:
        now = time.monotonic()
        busy = {waiting.order.run for waiting in self._children.values()}
        for waiting in list(self._queue):
            if self.at_once is not None and len(self._children) >= self.at_once:
                return
            if waiting.not_before <= now and waiting.order.run not in busy:
                self._queue.remove(waiting)
                self._start(waiting)
                busy.add(waiting.order.run)

    def _start(self, waiting: _Waiting) -> None:
        order = waiting.order
        if not order.follow and is_sent(order):
            self._say(order.run, state="same")
            return
        if order.launch.tracking is Tracking.WANDB:
            os.environ["WANDB_ERROR_REPORTING"] = "false"  # the SDK's news of itself to its makers
            import wandb  # noqa: F401 - once, for all children
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            if not order.follow:
                waiting.gives_up_at = time.monotonic() + SEND_S
            self._children[pid] = waiting
            return
        status = 1
        try:
            status = self._become(order)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _become(self, order: MirrorOrder) -> int:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)  # nothing is asked at a prompt
        if self._open:
            os.close(self._stop_end)
        try:
            sent = mirror_run(order, self._wait)
        except AnError as error:
            failed(order.run, destination(order.launch), str(error))
            self._say(order.run, state="failed", error=str(error))
            return _TRY_AGAIN
        self._say(order.run, **({"state": "busy"} if sent is None else _words(sent)))
        return _TRY_AGAIN if sent is None and self.at_once is None else 0

    def _wait(self, seconds: float) -> bool:
        """Wait, in a child; False once time is short."""
        return not select.select([self._stop], [], [], seconds)[0]

    def _end_slow_ones(self) -> None:
        for pid, waiting in self._children.items():
            if time.monotonic() > waiting.gives_up_at:
                kill_tree(pid)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                waiting = self._children.pop(pid, None)
                if waiting is not None:
                    self._ended(waiting, os.waitstatus_to_exitcode(status))

    def _ended(self, waiting: _Waiting, status: int) -> None:
        if status == 0:
            return
        if time.monotonic() > waiting.gives_up_at:
            self._give_up(waiting.order, f"the service has not taken it within {SEND_S:.0f} s")
        elif status != _TRY_AGAIN:
            self._give_up(waiting.order, f"its mirror ended with status {status}; see the log")
        if waiting.order.follow and waiting.tries < len(AGAIN_S):
            # SLURM ends a job by SIGTERM to all its processes, the SDK's among them: the run's end is still to be sent.
            pause = AGAIN_S[waiting.tries] if self._deadline == float("inf") else 0.0
            self._queue.append(_Waiting(waiting.order, time.monotonic() + pause, waiting.tries + 1))

    def _give_up(self, order: MirrorOrder, why: str) -> None:
        failed(order.run, destination(order.launch), why)
        self._say(order.run, state="failed", error=why)

    def _say(self, run: RunFolder, **words: object) -> None:
        with suppress(OSError):
            text = json.dumps({"run": run.id, **words})
            os.write(self.events, redact(text).encode() + b"\n")


def _words(sent: Sent) -> dict[str, object]:
    return {"state": "sent", "shown_as": sent.id, "url": sent.url, "points": sent.points, "whole": sent.whole}
