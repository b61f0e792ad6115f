"""Weights from a file or a run folder, under our names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor, nn

from an_cli.errors import ConfigError, DataError, StoreError
from an_cli.models import published_names, read_weights, to_ours
from an_cli.store import RunFolder
from an_cli.train import checkpoint

_SHOWN = 3


def from_file(path: Path, model: nn.Module) -> tuple[dict[str, Tensor], str]:
    """Read a file of weights for a network.

    Args:
        path: a state dict, or a training state that holds one, in the authors' names or in ours.
        model: the network.

    Returns:
        The state dict, and whose names the file had: "published" or "ours".

    Raises:
        DataError: no readable file of tensors, or tensors missing, left over or of another shape.
    """
    tensors, own = read_weights(path), model.state_dict()
    if 2 * len(tensors.keys() & own.keys()) <= len(own) and _has_published_names(model):
        return to_ours(tensors, model, where=str(path)), "published"
    _refuse("missing", sorted(own.keys() - tensors.keys()), path)
    _refuse("left over", sorted(tensors.keys() - own.keys()), path)
    wrong = (
        f"{name} {[*tensors[name].shape]}, not {[*own[name].shape]}"
        for name in own
        if tensors[name].shape != own[name].shape
    )
    _refuse("of another shape", sorted(wrong), path)
    return tensors, "ours"


def _has_published_names(model: nn.Module) -> bool:
    try:
        return bool(published_names(model))
    except ConfigError:
        return False


def _refuse(what: str, names: list[str], path: Path) -> None:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise DataError(
            f"{len(names)} tensors {what}: {', '.join(names[:_SHOWN])}{more}",
            where=str(path),
            now="choose the model, norm and recipe (which sets the stem) that the file was made with",
        )


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
