"""From a file of published weights to a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from an_cli.config import compose
from an_cli.errors import ConfigError
from an_cli.models.build import make_model
from an_cli.models.containers import choose, largest
from an_cli.models.published import fit, published_names, refuse_not_finite
from an_cli.models.tensor_file import plain_tensor, read_file


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
    network.load_state_dict(_one_precision(read_state(weights, network).state), assign=True)
    return network.eval()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, of a state dict or of a training state that holds one; no code is run.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    tensors = largest(read_file(path), path)
    return {name: plain_tensor(tensor, name, path) for name, tensor in tensors.items()}


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """A network's tensors out of a file.

    Attributes:
        state: for `network.load_state_dict`.
        names: whose names the file had: "published" or "our".
        taken: which of the file's tensors they are, where that is a question; else empty.
    """

    state: dict[str, Tensor]
    names: str
    taken: str


def read_state(path: Path, network: nn.Module, *, ema: bool = False) -> NetworkWeights:
    """Read a file of weights for a network.

    Args:
        path: a state dict, or a training state that holds one, in the authors' names or in ours, behind any prefix.
        network: left as it was.
        ema: take the moving average that the file holds beside the weights.

    Raises:
        DataError: no readable file of tensors; tensors missing, left over, of another shape or type, or not finite; no
            moving average, or several sets of weights.
    """
    own, theirs = network.state_dict(), _published(network)
    chosen, taken = choose(read_file(path), {*own, *theirs.values()}, path, ema=ema)
    tensors = {name: plain_tensor(tensor, name, path) for name, tensor in chosen.tensors.items()}
    refuse_not_finite(tensors, str(path))
    published = _matches(tensors, theirs.values()) > _matches(tensors, own)
    names = theirs if published else {name: name for name in own}
    state = fit(tensors, names, own, where=str(path))
    return NetworkWeights(state, "published" if published else "our", taken)


def _matches(tensors: Mapping[str, Tensor], names: Iterable[str]) -> int:
    return len(tensors.keys() & set(names))


def _published(network: nn.Module) -> dict[str, str]:
    """Our names to the published ones; none for a network that was not published."""
    try:
        return published_names(network)
    except ConfigError:
        return {}


def _one_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors in the widest precision among them, float32 at least."""
    widest = torch.float32
    for tensor in tensors.values():
        if tensor.is_floating_point():
            widest = torch.promote_types(widest, tensor.dtype)
    return {name: tensor.to(widest) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
