"""Which code made a number: recorded with every attempt, compared, never hashed into an id.

The files that can change a number of a run are listed one by one; `tests/store/test_code_tree.py` holds that every file
of their rooms is on the list or named there as logistics. A new column in a report, another way to submit or a better
message must not mark last month's runs as made by other code.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Collection
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
SCIENCE = {
    "config": "cell_json reader schema task",
    "kernels": "adjoint attention build entry frame lanes library passes",
    "norm": (
        "__init__ attentive calls factory formula fused gates groups heads initial mixture moments operators "
        "squeeze_excite squeezes standardizers switchable"
    ),
    "models": (
        "__init__ aog aognet bottleneck build containers counts mobilenet_v2 published resnet stem tensor_file "
        "torch_file weights"
    ),
    "data": (
        "__init__ batches dataset decode draws embedded_set image_folder listing memory mixup normalize order picture "
        "shards sources synthetic"
    ),
    "train": (
        "__init__ attempt checkpoint classify device image_task loop make_task mixture optimizer schedule state step "
        "task world"
    ),
    "store": "measures per_sample",
}
# Trees whose numbers the present files give again, bit for bit: what was made by them counts as made by these. A change
# that keeps the bits adds the tree that it replaces; one that does not empties the list.
# How attentive layers were computed is recorded beside the tree: these trees had the composed way alone, which gives
# the same bits as it did, and the comparability of rows looks at the way as well.
SAME_NUMBERS = (
    "db211345d90c7960",
    "24453ef707e530c0",
    "f7c0457ccac3554e",
    "50717b85ffedfea6",
    "9f3a16f9f8d3096e",
    "3d9d09b153c1068c",
    "ed58c6fdb3cfef40",
    "7769ccdedf28ecd5",
    "72d74786418a29fb",
)


@cache
def code_tree() -> str:
    """16 hex digits over names and contents of all source files that can change a number."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE / room / f"{name}.py" for room, names in SCIENCE.items() for name in names.split()):
        digest.update(f"{file.relative_to(PACKAGE)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def comparable_tree(tree: str) -> str:
    """The tree by which code is compared: the present one for all whose numbers it gives again."""
    return code_tree() if tree in SAME_NUMBERS else tree


def is_current(trees: Collection[str], plugins: Collection[str] = ()) -> bool:
    """Whether a record was made by the installed code, the user's own parts included.

    Args:
        trees: the recorded code trees, of all attempts that a result stands on.
        plugins: the recorded stamps of the user's parts.
    """
    if set(map(comparable_tree, trees)) != {code_tree()}:
        return False
    if not plugins:
        return True
    from an_cli.config.plugins import is_installed  # importlib.metadata: 15 ms that `status` does not need

    return all(map(is_installed, plugins))


def commit() -> str | None:
    """Commit of the checkout that the package runs from, with "+" when it has changes; None outside a checkout.

    A frozen copy is no checkout: its launcher says in AN_CLI_COMMIT what it was copied from.
    """
    if recorded := os.environ.get("AN_CLI_COMMIT"):
        return recorded
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
