"""What text is printed to: how wide it is, and whether it shows colors. The one place that asks the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from an_cli.report.formats.layout import Paint, plain

_NARROWEST, _WIDEST = 20, 10_000
_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_OFF = ("", "0", "false", "no")
STATE_STYLES = {
    "finished": "green",
    "imported": "green",
    "running": "cyan",
    "elsewhere": "cyan",
    "failed": "red",
    "unreadable": "red",
    "paused": "yellow",
    "interrupted": "yellow",
    "unknown": "yellow",
    "held": "yellow",
    "submitting": "dim",
    "queued": "dim",
    "waiting": "dim",
    "missing": "dim",
}


@dataclass(frozen=True)
class Medium:
    """Columns of a terminal, and how styles are shown; a pipe or a file has any width and no styles."""

    width: int | None = None
    paint: Paint = plain


FILE = Medium()


def medium(stream: TextIO | None = None) -> Medium:
    """What a stream prints to; None is standard output."""
    stream = sys.stdout if stream is None else stream
    return Medium(width=width_of(stream), paint=ansi if shows_colors(os.environ, tty=is_terminal(stream)) else plain)


def width_of(stream: TextIO) -> int | None:
    """COLUMNS where it is a width, else the terminal's; None in a pipe or a file."""
    setting = os.environ.get("COLUMNS", "").strip()
    columns = int(setting) if setting.isascii() and setting.isdecimal() and len(setting) < 9 else 0
    if not columns and is_terminal(stream):
        try:
            columns = os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
    return min(max(columns, _NARROWEST), _WIDEST) if columns else None


def shows_colors(environment: Mapping[str, str], *, tty: bool) -> bool:
    """Whether text may be colored: NO_COLOR forbids it, FORCE_COLOR and CLICOLOR_FORCE ask for it, a terminal shows it.

    Args:
        environment: of the process.
        tty: whether it prints to a terminal.
    """
    if environment.get("NO_COLOR", ""):
        return False
    forced = [environment[name].lower() for name in ("FORCE_COLOR", "CLICOLOR_FORCE") if name in environment]
    if any(value not in _OFF for value in forced):
        return True
    if "FORCE_COLOR" in environment and environment["FORCE_COLOR"].lower() in _OFF[1:]:
        return False
    return tty and environment.get("TERM", "") not in ("", "dumb") and environment.get("CLICOLOR", "1") != "0"


def ansi(text: str, style: str) -> str:
    """A text between the control sequences of a style."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal; one that is closed is none."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # closed
        return False
