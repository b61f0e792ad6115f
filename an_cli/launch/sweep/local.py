"""Several workers of a search on this machine: started, followed, replaced when one dies, told to stop together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from an_cli.errors import LaunchError
from an_cli.launch.here.stops import listening

REPLACED = 3  # workers that died by a signal, over a whole command
LOOK_S = 0.5
_COMMAND = (sys.executable, "-P", "-m", "an_cli")


@dataclass(frozen=True)
class WorkersEnd:
    """How the workers of a command ended: whether it was told to stop, and what those that failed ended with."""

    stopped: bool
    failed: tuple[int, ...]


@dataclass
class LocalWorkers:
    """Worker processes of one command.

    Attributes:
        words: of `an-cli` that make one.
        environments: variables of each, beside those of this process.
        look: called now and then while they work.
    """

    words: Sequence[str]
    environments: Sequence[Mapping[str, str]]
    look: Callable[[], None] = lambda: None
    _going: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _failed: list[int] = field(default_factory=list)
    _replaced: int = 0

    def run(self) -> WorkersEnd:
        """Start all and follow them to their ends.

        Raises:
            LaunchError: none can be started, or all failed.
        """
        with listening() as stops:
            for place in range(len(self.environments)):
                self._start(place)
            signals_sent = 0
            while self._going:
                if stops.count > signals_sent:
                    signals_sent = stops.count
                    self._send(signal.SIGTERM if signals_sent == 1 else signal.SIGKILL)
                self._reap(stopping=signals_sent > 0)
                self.look()
                time.sleep(LOOK_S if self._going else 0)
        self.look()
        if not signals_sent and len(self._failed) == len(self.environments) + self._replaced:
            raise LaunchError("every worker failed", where="sweep", now="what they said stands above")
        return WorkersEnd(stopped=signals_sent > 0, failed=tuple(self._failed))

    def _start(self, place: int) -> None:
        environment = {**os.environ, **self.environments[place], "AN_CLI_PARENT": str(os.getpid())}
        try:
            # Sessions of their own: Ctrl-C on the terminal reaches this process, which tells them once.
            self._going[place] = subprocess.Popen(
                [*_COMMAND, *self.words], env=environment, start_new_session=True, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            raise LaunchError(f"cannot start a worker: {error.strerror}", where=_COMMAND[0]) from error

    def _reap(self, *, stopping: bool) -> None:
        for place, process in list(self._going.items()):
            status = process.poll()
            if status is None:
                continue
            del self._going[place]
            if status < 0 and not stopping and self._replaced < REPLACED:
                self._replaced += 1
                self._start(place)
            if status not in (0, 130):
                self._failed.append(status)

    def _send(self, number: signal.Signals) -> None:
        for process in self._going.values():
            process.send_signal(number)
