"""What the bytes of a finished run were: a digest per file, written just before the result.

A number in a paper is as good as the bytes it came from. A flipped bit on a disk, or a hand in a file, is found by
comparing them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from an_cli.config import cell_id
from an_cli.errors import AnError
from an_cli.files import read_json
from an_cli.store.folder import RunFolder
from an_cli.store.reading import read_config


def digest_text(run: RunFolder, result: bytes) -> str:
    """Text of `digests.json`.

    Args:
        run: whose files are all there but the result.
        result: the bytes that `result.json` will have.
    """
    digests = {str(path.relative_to(run.path)): _digest(path) for path in _covered(run)}
    digests[run.result.name] = hashlib.sha256(result).hexdigest()
    return json.dumps({"sha256": dict(sorted(digests.items()))}, indent=1) + "\n"


def _covered(run: RunFolder) -> Iterable[Path]:
    files = (run.cell, run.attempts, run.metrics, run.per_sample, run.mixture)
    yield from (path for path in files if path.exists())
    if run.checkpoints.is_dir():
        yield from (path for path in run.checkpoints.iterdir() if not path.name.startswith("."))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damages(run: RunFolder) -> list[str]:
    """What is not as it was when a finished run ended: a line per file, none when all is well."""
    try:
        problems = [] if cell_id(read_config(run)) == run.id else ["cell.json: it holds another cell than the id says"]
    except AnError as error:
        problems = [f"cell.json: {error.what}"]
    if not run.digests.exists():
        return [*problems, "digests.json: missing, so no byte can be vouched for"]
    try:
        expected = read_json(run.digests)["sha256"]
        return problems + [
            problem for name, digest in expected.items() if (problem := _compare(run.path / name, digest))
        ]
    except (AnError, KeyError, TypeError, AttributeError) as error:
        return [*problems, f"digests.json: it does not read: {error}"]


def _compare(path: Path, digest: str) -> str:
    name = f"{path.parent.name}/{path.name}" if path.parent.name == "checkpoints" else path.name
    try:
        return "" if _digest(path) == digest else f"{name}: its bytes have changed"
    except FileNotFoundError:
        return f"{name}: missing"
    except OSError as error:
        return f"{name}: cannot be read: {error.strerror}"
