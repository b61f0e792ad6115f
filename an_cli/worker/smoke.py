"""Two attempts at a tiny run: stopped after a step, then resumed to its end. What breaks here would break tonight."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from an_cli.store import RunFolder, error_line, this_process
from an_cli.train import StopFlag
from an_cli.worker.child import die_with_parent, fork
from an_cli.worker.run import Account, run_here
from an_cli.worker.serve import redirect

STOPPED = 128 + signal.SIGTERM


class _AfterOneStep(StopFlag):
    """A signal that arrives when the loop first looks."""

    @property
    def received(self) -> int | None:
        return signal.SIGTERM

    @received.setter
    def received(self, value: int | None) -> None:
        pass


def answer_smoke(requests: Iterable[str], answers: TextIO) -> int:
    """For each `{"run"}` line answer `{"run", "seconds", "error"}`, with a null error where all went well."""
    for line in requests:
        if line.strip():
            folder = Path(json.loads(line)["run"])
            begun = time.monotonic()
            error = _in_a_process(folder)
            answer = {"run": str(folder), "seconds": round(time.monotonic() - begun, 2), "error": error}
            print(json.dumps(answer), file=answers, flush=True)
    return 0


def _in_a_process(folder: Path) -> str | None:
    if not folder.is_dir():
        return "no such run folder"
    pid = fork(lambda: _stop_and_resume(folder))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return None if code == 0 else _why(RunFolder(folder), code)


def _stop_and_resume(folder: Path) -> int:
    die_with_parent()
    redirect(folder / "log.txt")
    first = run_here(folder, Account(make_stop=_AfterOneStep, holder=this_process))
    return run_here(folder) if first == STOPPED else first or 1


def _why(run: RunFolder, code: int) -> str:
    ended = f"killed by signal {-code}" if code < 0 else f"ended with exit status {code}; see {run.log}"
    return error_line(run) or ended
