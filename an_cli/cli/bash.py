"""Tab in bash, which takes `=` for the end of a word: `model=res` reaches a program as `model`, `=`, `res`.

The words are put together before Typer sees them, and what it offers is cut where bash believes its word to begin.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout

_MODE, _WORDS, _AT = "_AN_CLI_COMPLETE", "COMP_WORDS", "COMP_CWORD"


def completing() -> bool:
    """Whether bash asks for what to offer."""
    return os.environ.get(_MODE) == "complete_bash" and _WORDS in os.environ and _AT in os.environ


def complete(answer: Callable[[], object]) -> None:
    """Let Typer answer on whole words, and print what bash can use.

    Args:
        answer: prints a line per offer, as Typer does for bash.
    """
    words, typed = join(os.environ[_WORDS].split(), int(os.environ[_AT]))
    os.environ[_WORDS], os.environ[_AT] = shlex.join(words), str(len(words) - 1)
    output = io.StringIO()
    try:
        with redirect_stdout(output):
            answer()
    finally:
        for line in output.getvalue().splitlines():
            print(line[typed:], file=sys.stdout)


def join(words: Sequence[str], at: int) -> tuple[list[str], int]:
    """Undo bash's splitting.

    Args:
        words: as bash split them.
        at: which one the cursor is in; one more than there are when a new word begins.

    Returns:
        Whole words up to the cursor, and how much of the last one bash leaves standing before what it inserts.
    """
    before, current = list(words[:at]), words[at] if at < len(words) else ""
    whole: list[str] = []
    for word in (*before, current):
        if whole and (word.startswith("=") or whole[-1].endswith("=")):
            whole[-1] += word
        else:
            whole.append(word)
    is_option = whole[-1].startswith("-")  # Typer offers what comes after the `=` of an option without its name
    return whole, 0 if is_option else whole[-1].rfind("=") + 1
