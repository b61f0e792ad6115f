"""A mirror's process, started by name: orders as JSON lines on standard input, what came of them on standard output.

`follow`: of runs that are being made; the end of its input means that their command or job ends, and that few seconds
are left. `send N`: of runs as they stand, N at a time; the end of its input means that no more orders come, and that
runs which are followed are sent as they stand.

In: `{"run": DIR, "after": CLAIM, "follow": BOOL, "study": NAME, "again": BOOL, "launch": {...}}`, all but the first may
be missing. Out: `{"run": ID, "state": "sent" | "same" | "busy" | "failed", ...}`.
"""

from __future__ import annotations

import signal
import sys

from an_cli.environment import clean, open_streams
from an_cli.redact import redact_output
from an_cli.tracking.crew import Crew

USAGE = "usage: python -m an_cli.tracking follow|send [N]"


def main(words: list[str]) -> int:
    """Dispatch; returns the exit status."""
    clean()
    open_streams()
    redact_output()
    for number in (signal.SIGINT, signal.SIGHUP):  # the terminal's, whose command says when to end
        signal.signal(number, signal.SIG_IGN)
    match words:
        case ["follow"]:
            return Crew(sys.stdin.fileno(), 1, at_once=None).run()
        case ["send", *rest] if len(rest) < 2 and all(word.isdigit() for word in rest):
            return Crew(sys.stdin.fileno(), 1, at_once=int(rest[0]) if rest else 4).run()
        case _:
            print(USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
