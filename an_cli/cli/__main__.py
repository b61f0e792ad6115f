"""The command line's entry: the one place that catches an-cli's own errors.

Exit status: 0 done, 1 an error that the user can repair, 2 wrong usage, 3 partial results, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from an_cli.cli import bash
from an_cli.cli.app import app
from an_cli.environment import clean, open_streams
from an_cli.errors import AnError
from an_cli.redact import redact

BROKEN_PIPE = 141  # as a shell reports a process that SIGPIPE ended


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        words: without the program's name; None takes this process's.

    Returns:
        The exit status.
    """
    if words is None:
        clean()
        open_streams()
    try:
        status = _call(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except AnError as error:
        print(f"an-cli: {redact(' '.join(str(error).split()))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader has left (`an-cli status | head`); nothing may be written at exit either.
        _print_no_more()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is not None:
            raise
        _print_no_more()
        print(f"an-cli: cannot print: {error.strerror} -> send the output to where there is room", file=sys.stderr)
        return 1
    return status


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback without the secrets that its messages and lines may quote."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def _call(words: list[str]) -> int:
    try:
        if bash.completing():
            bash.complete(lambda: app(words, prog_name="an-cli"))
        app(words, prog_name="an-cli")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


sys.excepthook = _show_bug

if __name__ == "__main__":
    sys.exit(main())
