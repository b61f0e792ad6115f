"""Weights from a run folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor

from an_cli.errors import StoreError
from an_cli.store import RunFolder
from an_cli.train import checkpoint


def from_run(run: RunFolder, epoch: str) -> tuple[dict[str, Tensor], str]:
    """Weights of a run.

    Args:
        run: trained, in training, or imported.
        epoch: "last" for its newest training state, "best" for its best epoch so far; an imported run has one state.

    Returns:
        The state dict, and what it is, for example "step 1200".

    Raises:
        StoreError: there are none.
    """
    if run.imported.exists():
        found = checkpoint.load_weights(run, "imported")
        return (found[0], "imported") if found else _absent(run)
    found = checkpoint.load_weights(run, "best" if epoch == "best" else "step")
    if found is None:
        return _absent(run)
    return found[0], f"epoch {found[1] + 1}" if epoch == "best" else f"step {found[1]}"


def _absent(run: RunFolder) -> tuple[dict[str, Tensor], str]:
    raise StoreError("no readable weights", where=str(run.checkpoints), now="run the cell first")


def digest(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
