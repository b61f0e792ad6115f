"""The heavy door's verbs (see `USAGE`)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from an_cli.environment import clean, hush_libraries, open_streams, short_temporary_folder
from an_cli.worker.child import end_with_parent
from an_cli.worker.frozen import prefer_frozen

PARENT = "AN_CLI_PARENT"  # the process that waits for this one; a job of a scheduler has none

USAGE = """usage: python -m an_cli.worker run RUN_DIR    one attempt, in this process
       python -m an_cli.worker job RUN_DIR...  the runs of one SLURM job, a process each
       python -m an_cli.worker node RUN_DIR    one run's ranks on this node of a job of several
       python -m an_cli.worker serve           warm: RUN_DIRs as JSON lines on standard input, a process each
       python -m an_cli.worker cost            cell configs as JSON lines -> parameters and MACs
       python -m an_cli.worker model           one cell config as JSON -> its per-stage counts
       python -m an_cli.worker smoke           run folders as JSON lines, each trained, stopped, resumed
       python -m an_cli.worker strip           finished run folders as JSON lines -> without optimizer states
       python -m an_cli.worker data            a JSON request -> shards prepared, or a data set verified
       python -m an_cli.worker evaluate        JSON lines: weights and a data set -> error rates
       python -m an_cli.worker import          a JSON request -> weights under our names, as a file or a run"""


def main(words: list[str]) -> int:
    """Dispatch one verb; returns the exit status."""
    prefer_frozen()
    begin()
    match words:
        case ["run", folder]:
            from an_cli.worker.run import run_here

            return run_here(Path(folder))
        case ["job", *folders] if folders:
            from an_cli.worker.job import run_job

            return run_job([Path(folder) for folder in folders])
        case ["node", folder]:
            from an_cli.worker.job import run_ranks

            return run_ranks(Path(folder))
        case ["serve"]:
            from an_cli.worker.serve import serve

            return serve(sys.stdin, sys.stdout)
        case [verb]:
            return _answer(verb)
        case _:
            return _usage()


def _answer(verb: str) -> int:
    """Dispatch a verb that reads requests and writes answers."""
    match verb:
        case "cost":
            from an_cli.worker.cost import answer_costs

            return answer_costs(sys.stdin, _answers())
        case "model":
            from an_cli.worker.cost import answer_model

            return answer_model(sys.stdin, _answers())
        case "smoke":
            from an_cli.worker.smoke import answer_smoke

            return answer_smoke(sys.stdin, _answers())
        case "strip":
            from an_cli.worker.strip import answer_strip

            return answer_strip(sys.stdin, _answers())
        case "data":
            from an_cli.worker.answering import answer
            from an_cli.worker.data import data

            return answer(sys.stdin, _answers(), data)
        case "evaluate":
            from an_cli.worker.evaluate import answer_evaluations

            return answer_evaluations(sys.stdin, _answers())
        case "import":
            from an_cli.worker.answering import answer
            from an_cli.worker.import_weights import import_weights

            return answer(sys.stdin, _answers(), import_weights)
        case _:
            return _usage()


def _usage() -> int:
    print(USAGE, file=sys.stderr)
    return 2


def begin() -> None:
    """Clean the environment, and end when told to or when nobody waits any more: while torch is imported as well."""
    clean()
    open_streams()
    short_temporary_folder()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = os.environ.pop(PARENT, "")
    if parent.isdecimal():
        end_with_parent(int(parent))


def _answers() -> TextIO:
    """Standard output, for answers alone: what a library in C prints there goes to standard error from now on."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(own, "w", encoding="utf-8")


if __name__ == "__main__":
    hush_libraries()
    sys.exit(main(sys.argv[1:]))
