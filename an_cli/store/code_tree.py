"""Which code made a number: recorded with every attempt, compared, never hashed into an id."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Collection
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
# The rooms that can change a number. A new column in a report must not mark last month's runs as made by other code.
SCIENCE = ("config", "norm", "models", "data", "train", "worker")


@cache
def code_tree() -> str:
    """16 hex digits over names and contents of all source files of the rooms that can change a number."""
    digest = hashlib.sha256()
    for file in sorted(path for room in SCIENCE for path in (PACKAGE / room).rglob("*.py")):
        digest.update(f"{file.relative_to(PACKAGE)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def is_current(trees: Collection[str], plugins: Collection[str] = ()) -> bool:
    """Whether a record was made by the installed code, the user's own parts included.

    Args:
        trees: the recorded code trees, of all attempts that a result stands on.
        plugins: the recorded stamps of the user's parts.
    """
    if set(trees) != {code_tree()}:
        return False
    if not plugins:
        return True
    from an_cli.config.plugins import is_installed  # importlib.metadata: 15 ms that `status` does not need

    return all(map(is_installed, plugins))


def commit() -> str | None:
    """Commit of the checkout that the package runs from, with "+" when it has changes; None outside a checkout.

    A frozen copy is no checkout: its launcher says in AN_CLI_COMMIT what it was copied from.
    """
    if told := os.environ.get("AN_CLI_COMMIT"):
        return told
    if not (PACKAGE.parent / ".git").exists():
        return None
    head = _git("rev-parse", "--short=12", "HEAD")
    return f"{head}+" if head and _git("status", "--porcelain", "--", "an_cli", "conf") else head


def _git(*words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(PACKAGE.parent), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
