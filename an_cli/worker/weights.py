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
        saved = checkpoint.load_weights(run, "imported")
        return (saved[0], "imported") if saved else _absent(run)
    saved = checkpoint.load_weights(run, "best" if epoch == "best" else "step")
    if saved is None:
        return _absent(run)
    return saved[0], f"epoch {saved[1] + 1}" if epoch == "best" else f"step {saved[1]}"


def _absent(run: RunFolder) -> tuple[dict[str, Tensor], str]:
    raise StoreError("no readable weights", where=str(run.checkpoints), now="run the cell first")


def digest(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
