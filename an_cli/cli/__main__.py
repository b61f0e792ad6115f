"""The command line's entry: the one place that catches an-cli's own errors.

Exit status: 0 done, 1 an error that the user can repair, 2 wrong usage, 3 partial results, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from an_cli.environment import clean, hush_libraries, open_streams, printable, start_over
from an_cli.errors import AnError, UsageError
from an_cli.redact import redact

INTERRUPTED = 130
BROKEN_PIPE = 141  # as a shell reports a process that SIGPIPE ended


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        words: without the program's name; None takes this process's.

    Returns:
        The exit status.
    """
    if words is None:  # a process of its own
        start_over()
        open_streams()
        hush_libraries()
    clean()
    try:
        status = _call(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except AnError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`an-cli status | head`); nothing may be written at exit either.
        _print_no_more()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) and error.filename is None:
            _print_no_more()
            _complain(f"cannot print: {error.strerror} -> send the output to where there is room")
            return 1
        _complain(_refused(error))
        return 1
    return status


def _complain(text: str) -> None:
    """One line on standard error, which may be gone as well."""
    with suppress(OSError):
        print(f"an-cli: {redact(printable(' '.join(text.split())))}", file=sys.stderr, flush=True)


def _refused(error: OSError) -> str:
    """What the system refused, with the path: another user's store, a disk that is gone, a folder in a file's place."""
    paths = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    where = f" ({', '.join(paths)})" if paths else ""
    remedy = (
        "ask its owner to let you read and write there, or name another store with --store"
        if isinstance(error, PermissionError)
        else "look at that path and its disk, then give the same command again"
    )
    return f"the system refuses: {error.strerror or error}{where} -> {remedy}"


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback without the secrets that its messages and lines may quote."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def _call(words: list[str]) -> int:
    from an_cli.cli import bash  # after the environment has been cleaned
    from an_cli.cli.app import app
    from an_cli.cli.usage import Aborted, WrongWords, usage_error

    try:
        if bash.completing():
            bash.complete(lambda: app(words, prog_name="an-cli"))
        status = app(words, prog_name="an-cli", standalone_mode=False)
    except WrongWords as error:
        if (wrong := usage_error(error, words)) is not None:
            raise wrong from error
        print(error, file=sys.stderr)
        return UsageError.exit_code
    except Aborted:
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return status if isinstance(status, int) else 0


sys.excepthook = _show_bug

if __name__ == "__main__":
    sys.exit(main())
