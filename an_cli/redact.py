"""Secrets stay where they are: what an-cli writes down or prints never holds one.

Two ways to know a secret: by value, since whatever an environment variable named like one holds is one, whole or line
by line; and by name, where a text says `..._KEY=value`. Numbers and file names are not secrets, whatever they are
called: `max_num_tokens=4096` stays.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO, cast
from urllib.parse import quote

MASK = "[secret]"
_SHORTEST = 8  # characters of a value that is worth hiding; shorter ones are words of any text
_NAME = r"(?:[\w.-]*(?:api[_-]?key|access[_-]?key|secret|passw(?:or)?d|credential|auth[_-]?token|_token|_pat)|token)"
_SECRET_NAME = re.compile(rf"^{_NAME}\w*$", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"(?P<name>{_NAME}\w*)(?P<sign>[\"']?\s*[=:]\s*[\"']?)(?P<value>[^\s\"'$`,;)}}\]]{{{_SHORTEST},}})", re.IGNORECASE
)
_BEARER = re.compile(r"(?P<name>\bBearer)(?P<sign>\s+)(?P<value>[\w.~+/=-]{16,})")
_IN_URL = re.compile(r"(?P<name>\w+://[^\s:/@]+)(?P<sign>:)(?P<value>[^\s@/]{4,})(?=@)")
_HARMLESS = re.compile(r"^(?:[\d._eE+-]+|true|false|none|null|/[\w./-]*)$", re.IGNORECASE)


def redact(text: str, environment: Mapping[str, str] | None = None) -> str:
    """A text without secrets.

    Args:
        text: that is going to be written or printed.
        environment: whose secrets to hide; None takes this process's.
    """
    for value in _values(os.environ if environment is None else environment):
        text = text.replace(value, MASK)
    for pattern in (_ASSIGNED, _BEARER, _IN_URL):
        text = pattern.sub(_masked, text)
    return text


def holds_secret(text: str) -> bool:
    """Whether a text holds a secret, which then must not be written."""
    return redact(text) != text


def _masked(match: re.Match[str]) -> str:
    return match[0] if _HARMLESS.match(match["value"]) else f"{match['name']}{match['sign']}{MASK}"


def _values(environment: Mapping[str, str]) -> list[str]:
    """Values to hide, longest first, so that none is cut up by another: whole, line by line, and as URLs spell them."""
    values = [value for name, value in environment.items() if _SECRET_NAME.match(name)]
    parts: Iterable[str] = [part.strip() for value in values for part in (value, *value.splitlines())]
    spelled = {spelling for part in parts for spelling in (part, quote(part, safe=""), repr(part)[1:-1])}
    return sorted(
        (spelling for spelling in spelled if len(spelling) >= _SHORTEST and not _HARMLESS.match(spelling)),
        key=len,
        reverse=True,
    )


class Redacted:
    """A text stream that lets no secret through. Holds a line back until it is whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._pending = stream, ""

    def write(self, text: str) -> int:
        """Write what is whole of it."""
        *lines, self._pending = (self._pending + text).split("\n")
        if lines:
            self._stream.write(redact("\n".join(lines)) + "\n")
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Write the rest as well, though it may be half a line."""
        if self._pending:
            self._stream.write(redact(self._pending))
            self._pending = ""
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def redact_output() -> None:
    """Let no secret through on this process's standard output and error from now on."""
    sys.stdout, sys.stderr = cast("TextIO", Redacted(sys.stdout)), cast("TextIO", Redacted(sys.stderr))
