"""From a file of published weights to a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from an_cli.config import compose
from an_cli.errors import ConfigError, DataError
from an_cli.models.build import make_model
from an_cli.models.published import published_names, refuse, to_ours


def load(*, model: str, norm: str, recipe: str = "vanilla", weights: Path) -> nn.Module:
    """Build a network of the paper and fill it with published weights.

    Args:
        model: a name in conf/model (`resnet50`).
        norm: a name in conf/norm (`an_bn`).
        recipe: a name in conf/recipe; it sets stem and shortcut.
        weights: a state dict or a saved training state, as the authors published them or as an-cli writes them.

    Returns:
        The network for ImageNet's 1000 classes, on the CPU, in evaluation mode: in float64 if the file is, else in
        float32.

    Raises:
        ConfigError: names that do not compose.
        DataError: no readable file of tensors, or tensors missing, left over or of another shape.
    """
    cell = compose([f"model={model}", f"norm={norm}", f"recipe={recipe}", "data=imagenet"]).cell
    with torch.device("meta"):
        network = make_model(cell.model, cell.norm, cell.recipe, classes=cell.data.classes, channels=cell.data.channels)
    ours, _ = read_state(weights, network)
    network.load_state_dict(_one_precision(ours), assign=True)
    return network.eval()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, of a state dict or of a training state that holds one; no code is run.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"cannot be read as weights: {first}", where=str(path), now="give a file of tensors") from error
    for name in ("state_dict", "model"):  # in a training state of the authors', in one of ours
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise DataError("holds no tensors by name", where=str(path), now="give a state dict, or a state that holds one")
    return {str(name): tensor for name, tensor in found.items()}


def read_state(path: Path, network: nn.Module) -> tuple[dict[str, Tensor], str]:
    """Read a file of weights for a network.

    Args:
        path: a state dict, or a training state that holds one, in the authors' names or in ours.
        network: left as it was.

    Returns:
        A state dict for `network.load_state_dict`, and whose names the file had: "published" or "our".

    Raises:
        DataError: no readable file of tensors, or tensors missing, left over or of another shape.
    """
    tensors, own = read_weights(path), network.state_dict()
    if 2 * len(tensors.keys() & own.keys()) <= len(own) and _has_published_names(network):
        return to_ours(tensors, network, where=str(path)), "published"
    refuse("missing", sorted(own.keys() - tensors.keys()), str(path))
    refuse("left over", sorted(tensors.keys() - own.keys()), str(path))
    wrong = [name for name in own if tensors[name].shape != own[name].shape]
    refuse("of another shape", (f"{n} {[*tensors[n].shape]}, not {[*own[n].shape]}" for n in sorted(wrong)), str(path))
    return tensors, "our"


def _has_published_names(network: nn.Module) -> bool:
    try:
        return bool(published_names(network))
    except ConfigError:
        return False


def _one_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors in the widest precision among them, float32 at least."""
    widest = torch.float32
    for tensor in tensors.values():
        if tensor.is_floating_point():
            widest = torch.promote_types(widest, tensor.dtype)
    return {name: tensor.to(widest) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
