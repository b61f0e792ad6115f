"""The error tree: everything an-cli raises on purpose.

A message has three parts: what was wrong (with its value), where (dotted key, file, run), what now (the legal choices
or the command to type). The command line prints it as one line and exits 1; any other exception is a bug of ours and
keeps its traceback.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])|[\udc80-\udcff]")
_SHOWN = 16  # legal words in one message; more would hide the answer


class AnError(Exception):
    """Base of every error that a user can cause and repair.

    Args:
        what: what was wrong, with the offending value.
        where: dotted key, file or run; empty when the message needs none.
        now: what to do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", now: str = "") -> None:
        self.what, self.where, self.now = what, where, now
        place = f" ({where})" if where else ""
        remedy = f" -> {now}" if now else ""
        super().__init__(bytes_shown(f"{what}{place}{remedy}"))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.now)


def to_value(error: AnError) -> dict[str, str]:
    """An error as plain text, to cross a pipe between processes."""
    return {"kind": type(error).__name__, "what": error.what, "where": error.where, "now": error.now}


def from_value(value: Mapping[str, str], label: str = "") -> AnError:
    """The error that `to_value` described, of the same class.

    Args:
        value: its parts.
        label: of what was asked about, put before where it was.
    """
    kinds = {kind.__name__: kind for kind in _family(AnError)}
    where = f"{label}: {value['where']}" if label else value["where"]
    return kinds.get(value.get("kind", ""), AnError)(value["what"], where=where, now=value["now"])


def _family(kind: type[AnError]) -> Iterator[type[AnError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def _rebuild(kind: type[AnError], what: str, where: str, now: str) -> AnError:
    return kind(what, where=where, now=now)


class UsageError(AnError):
    """Words of a command line that are not as it takes them."""

    exit_code = 2


class ConfigError(AnError):
    """A config key, value or file that cannot be read as an experiment."""


class StudyError(AnError):
    """A study (sweeps/*.yaml) that cannot be expanded into cells."""


class StoreError(AnError):
    """A store or run folder that cannot be read or written."""


class Fenced(StoreError):
    """A newer attempt owns the run folder; the caller must stop writing."""


class LaunchError(AnError):
    """A run that cannot be started as asked."""


class DataError(AnError):
    """A data set that is missing, incomplete or unreadable."""


class TrainingDiverged(AnError):
    """A loss that is no longer finite."""


class ReportError(AnError):
    """Records from which the asked table cannot be made."""


class TrackerError(AnError):
    """A tracker that cannot be written to. No run is hurt by it: `an-cli sync` sends its records later."""


def bytes_shown(text: str) -> str:
    r"""A text in which bytes of a file's name that are no UTF-8 stand as a shell writes them, `\xff`.

    Python keeps such a byte as half a character, which no file and no terminal takes, and `repr` spells that one.
    """
    return _BYTE.sub(lambda byte: f"\\x{byte[1]}" if byte[1] else f"\\x{ord(byte[0]) - 0xDC00:02x}", text)


def nearest(word: str, choices: Iterable[str]) -> str:
    """What to suggest for a misspelled word.

    Args:
        word: what the user wrote.
        choices: the legal words.

    Returns:
        "did you mean X? Legal: A, B, X", without the question where nothing is close.
    """
    legal = sorted(choices)
    close = difflib.get_close_matches(word, legal, n=1, cutoff=0.6)
    question = f"did you mean {close[0]}? " if close else ""
    shown = ", ".join(legal[:_SHOWN]) + (f", ... ({len(legal)} in all)" if len(legal) > _SHOWN else "")
    return f"{question}legal: {shown or '(none)'}"
