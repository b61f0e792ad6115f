"""Parameters and multiply-accumulates of a network, exactly.

MACs are those of convolutions and fully connected layers, the attention's included, for one image: no bias, no norm, no
activation, no mixture. This is the count behind the 4.09G of the paper's Tables 1 and 2.

The network runs on a batch of no images with memory that is never touched in place of its own, so every shape is there
and nothing is computed; a network built under `torch.device("meta")` costs least. It does not run *on* the meta device,
because PyTorch's convolution imports symbolic shapes there, which costs seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from an_cli.norm import AttentiveNorm2d, SqueezeExcite


@dataclass(frozen=True, kw_only=True)
class ModuleCounts:
    """What one part of a network costs: the stem, a stage, or the classifier.

    `attentive` lists (C, K) of its attentive norms; `output_shape` is without the batch
    axis, and empty where a network of the user's own runs a part without calling it.
    """

    name: str
    output_shape: tuple[int, ...]
    params: int
    macs: int
    attentive: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class KindCounts:
    """Parameters by kind.

    `norm` are the plain norms; `attention` has the heads with their BN, or squeeze and excitation.
    """

    conv: int
    norm: int
    mixture: int
    attention: int
    fc: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a network costs: for one image of `input_shape`."""

    params: int
    macs: int
    input_shape: tuple[int, ...]
    modules: tuple[ModuleCounts, ...]
    kinds: KindCounts


def count(model: nn.Module, input_shape: tuple[int, int, int]) -> Counts:
    """Count a network's parameters and MACs, part by part.

    Args:
        model: on any device, the meta device included (fastest); left as it was.
        input_shape: (channels, H, W) of one image.

    Returns:
        The counts; their parts are the model's children, with `stages` taken apart into stage1, stage2, ...
    """
    parts = dict(_parts(model))
    macs: Counter[str] = Counter()
    shapes: dict[str, tuple[int, ...]] = {}
    with _recording(parts, macs, shapes), _evaluating(model), torch.no_grad():
        nothing = torch.empty(0, *input_shape, device="cpu", dtype=next(model.parameters()).dtype)
        functional_call(model, _memory(model), (nothing,))
    modules = tuple(
        ModuleCounts(
            name=name,
            output_shape=shapes.get(name, ()),
            params=_params(part),
            macs=macs[name],
            attentive=tuple((an.channels, an.components) for an in _attentive(part)),
        )
        for name, part in parts.items()
    )
    return Counts(
        params=_params(model), macs=macs.total(), input_shape=input_shape, modules=modules, kinds=_kinds(model)
    )


def _memory(model: nn.Module) -> dict[str, Tensor]:
    tensors = (*model.named_parameters(), *model.named_buffers())
    return {name: torch.empty(t.shape, dtype=t.dtype, device="cpu") for name, t in tensors}


def _parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList):
            yield from ((f"{name.removesuffix('s')}{i}", part) for i, part in enumerate(child, 1))
        else:
            yield name, child


@contextmanager
def _recording(parts: dict[str, nn.Module], macs: Counter[str], shapes: dict[str, tuple[int, ...]]) -> Iterator[None]:
    def add_macs(name: str) -> Any:
        def hook(layer: Any, _: object, out: Tensor) -> None:
            macs[name] += out.shape[1:].numel() * _macs_per_output(layer)

        return hook

    def note_shape(name: str) -> Any:
        def hook(_: nn.Module, __: object, out: object) -> None:
            if isinstance(out, Tensor):
                shapes[name] = tuple(out.shape[1:])

        return hook

    handles = []
    for name, part in parts.items():
        handles.append(part.register_forward_hook(note_shape(name)))
        layers = (m for m in part.modules() if isinstance(m, nn.Conv2d | nn.Linear))
        handles.extend(layer.register_forward_hook(add_macs(name)) for layer in layers)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _macs_per_output(layer: nn.Conv2d | nn.Linear) -> int:
    return layer.weight[0].numel()  # (inputs / groups) * k * k, or inputs


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode (no sample, no batch statistics), then every module's own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _kinds(model: nn.Module) -> KindCounts:
    attentive = list(_attentive(model))
    mixture = sum(_params(an.mixture) for an in attentive)
    attention = sum(_params(an.attention) for an in attentive)
    attention += sum(_params(m) for m in model.modules() if isinstance(m, SqueezeExcite))
    conv = sum(_params(m) for m in model.modules() if isinstance(m, nn.Conv2d))
    fc = sum(_params(m) for m in model.children() if isinstance(m, nn.Linear))
    norm = _params(model) - conv - fc - mixture - attention
    return KindCounts(conv=conv, norm=norm, mixture=mixture, attention=attention, fc=fc)


def _attentive(module: nn.Module) -> Iterator[AttentiveNorm2d]:
    return (m for m in module.modules() if isinstance(m, AttentiveNorm2d))


def _params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
