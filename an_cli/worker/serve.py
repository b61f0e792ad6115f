"""The warm worker: torch is imported once, every run gets a process forked from here.

A fork is safe because this process runs no tensor operation and starts no thread: it imports, waits, forks.

Protocol, JSON lines: `{"run": DIR, "environment": {NAME: VALUE}}` in; `{"event": "ready"}`,
`{"event": "started", "run", "pid"}` and `{"event": "exited", "run", "pid", "exit"}` out, where a negative exit is the
signal that killed the process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import numpy.random  # noqa: F401 - with the next line, what a run would otherwise import for itself: 4 s each
import torch
import torch._dynamo

from an_cli.environment import SPELLED
from an_cli.norm.fused import ready
from an_cli.redact import redact_output
from an_cli.store import code_tree
from an_cli.worker.child import die_with_parent, fork
from an_cli.worker.run import run_here

_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def serve(requests: TextIO, events: TextIO) -> int:
    """Serve until standard input ends and the last run has ended; returns the exit status."""
    ready(torch.float32)  # compiled here where they are not yet, once on this machine, rather than in every run
    code_tree()  # remembered for every run: what is imported now is what they run, whatever is edited meanwhile
    return _Server(requests.fileno(), events.fileno()).serve()


class _Server:
    """One select loop over requests and signals; children are reaped when SIGCHLD wakes it."""

    def __init__(self, requests: int, events: int) -> None:
        self._requests, self._events = requests, events
        self._children: dict[int, str] = {}
        self._stopped_by: int | None = None
        self._open, self._pending = True, b""
        self._wake, wake_end = os.pipe()
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        self._wake_end = wake_end

    def serve(self) -> int:
        for number in _ENDS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._say(event="ready")
        while self._open or self._children:
            sources = [self._wake, *([self._requests] if self._open else [])]
            readable, _, _ = select.select(sources, [], [], 1.0)
            if self._wake in readable:
                os.read(self._wake, 4096)
            if self._requests in readable:
                self._read_requests()
            self._reap()
        return 0 if self._stopped_by is None else 128 + self._stopped_by

    def _stop(self, number: int, frame: object) -> None:
        again, self._open = self._stopped_by is not None, False
        self._stopped_by = number
        for pid in () if again else list(self._children):  # the launcher's end after its stop is no second stop
            os.kill(pid, signal.SIGTERM)

    def _read_requests(self) -> None:
        chunk = os.read(self._requests, 65536)
        if not chunk:
            self._open = False
            return
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            if line.strip() and self._open:
                request = json.loads(line)
                self._start(str(request["run"]), request.get("environment", {}))

    def _start(self, folder: str, environment: Mapping[str, str]) -> None:
        # A stop that arrives between fork and bookkeeping would miss the child: hold signals back for that long.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, set(_ENDS))
        pid = fork(lambda: self._become_run(folder, environment, held))
        self._children[pid] = folder
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        self._say(event="started", run=folder, pid=pid)

    def _become_run(self, folder: str, environment: Mapping[str, str], held: set[signal.Signals] | set[int]) -> int:
        os.environ.update(environment)  # CUDA looks at its own when it is first used, which is after the fork
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, *_ENDS):
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        for descriptor in (self._wake, self._wake_end):
            os.close(descriptor)
        os.setsid()  # Ctrl-C on the terminal reaches the launcher, which decides
        redirect(Path(folder) / "log.txt")
        return run_here(Path(folder))

    def _reap(self) -> None:
        for pid in list(self._children):
            child, status = os.waitpid(pid, os.WNOHANG)
            if child:
                folder = self._children.pop(pid)
                self._say(event="exited", run=folder, pid=pid, exit=os.waitstatus_to_exitcode(status))

    def _say(self, **event: object) -> None:
        try:
            os.write(self._events, json.dumps(event).encode() + b"\n")
        except BrokenPipeError:
            self._open = False  # the launcher is gone: SIGTERM comes, nothing new starts


def redirect(log: Path) -> None:
    """Let this process write to a log, and read nothing."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a log takes any text, whatever the locale
            stream.reconfigure(encoding="utf-8", errors=SPELLED)
    redact_output()
    os.close(descriptor)
    os.close(null)
