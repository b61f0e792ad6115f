"""When a layer runs as compiled kernels, and how: the path of a layer's numbers.

Fused: a CPU, kernels for the map's numbers, a layer whose parts are its own (no hook, no part that was put in their
place), and a call that PyTorch differentiates in its usual way. Everything else is composed of PyTorch's operations, by
the same equations and with other bits. A run records which it was, and rows of different paths are not compared
silently.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

from an_cli.config.schema import AttentionInput
from an_cli.kernels import Missing, Word, load, state
from an_cli.norm.calls import ELEMENTS, Running, kept_places
from an_cli.norm.gates import GateActivation
from an_cli.norm.heads import A1, A2
from an_cli.norm.mixture import Mixture
from an_cli.norm.moments import statistics_dtype
from an_cli.norm.operators import GATES, SQUEEZES, Tensors, attentive_norm
from an_cli.norm.standardizers import BatchStandardizer, GroupStandardizer, track

COMPOSED = "composed"
_PARTS = (
    BatchStandardizer,
    GroupStandardizer,
    A1,
    A2,
    nn.Linear,
    nn.BatchNorm1d,
    GateActivation,
    Mixture,
    nn.Sequential,
)
# Before PyTorch 2.7 an export cannot be told from a compilation: neither gets our operator then.
_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)
log = logging.getLogger("an_cli.norm")


def runs_fused(layer: Any, x: Tensor) -> bool:
    """Whether the kernels take this call."""
    if x.device.type != "cpu" or x.dtype not in ELEMENTS or not _is_usual(x) or not ready(x.dtype):
        return False
    return x.numel() > 0 and layer.mixture.gamma.is_cpu and all(map(_is_plain, layer._modules.values()))


def path_of(device: torch.device, dtype: torch.dtype) -> str:
    """Name of the path that attentive layers take for such maps: `fused (x86-64-v3)`, or `composed`."""
    if device.type != "cpu" or not ready(dtype):
        return COMPOSED
    return state(ELEMENTS[dtype]).replace("compiled for ", "fused (") + ")"


def normalize(layer: Any, x_nchw: Tensor, highest: float) -> Tensor:
    """The layer's output by one operator, activated; tracks running statistics as its parts would.

    Args:
        layer: an AttentiveNorm2d that `runs_fused`.
        x_nchw: the map.
        highest: 0 for no activation, inf for a ReLU, 6 for a ReLU6.
    """
    modules = layer._modules
    standardizer, mixture = modules["standardizer"], modules["mixture"]
    head, gate = modules["attention"]._modules.values()
    bn = head.bn if type(head) is A2 else None
    batch = type(standardizer) is BatchStandardizer and standardizer.training
    of_head = bn is not None and bn.training
    _check_batch(x_nchw, batch=batch, of_head=of_head)
    choices, numbers = _choices(layer, standardizer, bn, gate, batch, of_head, highest)
    tensors = Tensors(mixture.gamma, mixture.beta, head.fc.weight, head.fc.bias, *_statistics(standardizer, bn, batch))
    dtype = statistics_dtype(x_nchw)
    if any(t is not None and t.dtype is not dtype for t in tensors):
        tensors = tensors.to(dtype)
    running = _running(standardizer if batch else None, bn if of_head else None, dtype)
    out, kept = attentive_norm(x_nchw, tensors, choices, numbers, running)
    if kept is not None and (batch or of_head):
        _track(standardizer if batch else None, bn if of_head else None, x_nchw, head.fc.weight, kept)
    return out


def activated(norm: nn.Module, x_nchw: Tensor, highest: float) -> Tensor:
    """A norm and the activation after it: in one pass where the norm can, else one after the other, in place.

    Args:
        norm: any layer.
        x_nchw: the map.
        highest: inf for a ReLU, 6 for a ReLU6.
    """
    if getattr(norm, "activates", False) and not _hooked(norm):
        out: Tensor = norm(x_nchw, highest)
        return out
    normed: Tensor = norm(x_nchw)
    return F.relu(normed, inplace=True) if highest == float("inf") else F.hardtanh(normed, 0.0, highest, inplace=True)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def ready(dtype: torch.dtype) -> bool:
    """Whether there are kernels for such maps; says once why there are none."""
    return _loaded(dtype)


@cache
def _loaded(dtype: torch.dtype) -> bool:
    if dtype not in ELEMENTS:
        return False
    try:
        load(ELEMENTS[dtype])
    except Missing as missing:
        log.warning("attentive normalization runs composed, which is slower: no kernels: %s", missing)
        return False
    return True


def _is_usual(x: Tensor) -> bool:
    """Whether a call is one that the operators know: no transform of functions, no forward derivative, no tracing."""
    if torch.compiler.is_compiling():
        return not _is_exporting()
    return (
        type(x) in (Tensor, nn.Parameter)
        and not torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
        and forward_ad._current_level < 0
        and torch._C._functorch.peek_interpreter_stack() is None
    )


def _is_plain(module: Any) -> bool:
    """Whether a part of the layer is ours, without hooks, and so are its own parts."""
    if type(module) not in _PARTS or _hooked(module):
        return False
    inner = module._modules
    return not inner or all(map(_is_plain, inner.values()))


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def _choices(
    layer: Any, standardizer: Any, bn: nn.BatchNorm1d | None, gate: Any, batch: bool, of_head: bool, highest: float
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    grouped = type(standardizer) is GroupStandardizer
    standardization = 2 if grouped else int(not batch)  # as Standardization has them
    kind = 0 if bn is None else 2 - of_head  # as HeadKind has them
    inside = layer.input is AttentionInput.STANDARDIZED
    groups = standardizer.groups if grouped else 0
    numbers = (standardizer.eps, layer.squeeze_eps, 0.0 if bn is None else bn.eps, highest)
    return (standardization, groups, int(inside), SQUEEZES[layer.squeeze], kind, GATES[gate.kind]), numbers


def _statistics(standardizer: Any, bn: nn.BatchNorm1d | None, batch: bool) -> tuple[Tensor | None, ...]:
    """A2's gamma and beta, then the tracked statistics, where they are used."""
    affine = (None, None) if bn is None else (bn.weight, bn.bias)
    used = type(standardizer) is BatchStandardizer and not batch
    tracked = (standardizer.running_mean, standardizer.running_var) if used else (None, None)
    head = (None, None) if bn is None or bn.training else (bn.running_mean, bn.running_var)
    return (*affine, *tracked, *head)


def _check_batch(x_nchw: Tensor, *, batch: bool, of_head: bool) -> None:
    n, _, height, width = x_nchw.shape
    if of_head:
        A2.check_samples(n)
    if batch:
        BatchStandardizer.check_values(n * height * width)


def _running(standardizer: Any, bn: Any, dtype: torch.dtype) -> Running | None:
    """Running statistics as the kernels move them on; None where they have another type, or none are to be moved."""
    norms = [norm for norm in (standardizer, bn) if norm is not None]
    if not norms or any(norm.running_mean.dtype is not dtype or norm.running_var.dtype is not dtype for norm in norms):
        return None
    return Running(*_moved(standardizer), *_moved(bn))


def _moved(norm: Any) -> tuple[Any, Any, Any, float]:
    if norm is None:
        return None, None, None, 0.0
    momentum = norm.momentum
    if momentum is None:
        momentum = 1.0 / (int(norm.num_batches_tracked) + 1)
    return norm.running_mean, norm.running_var, norm.num_batches_tracked, momentum


@torch.no_grad()
def _track(standardizer: Any, bn: Any, x_nchw: Tensor, weight: Tensor, kept: Tensor) -> None:
    """Running statistics moved on by PyTorch's operations, where a compiler looks or their type is another."""
    n, c, height, width = x_nchw.shape
    places, _ = kept_places(n, c, weight.shape[0], weight.shape[1], False)

    def part(slot: Word) -> Tensor:
        at, size = places[slot]
        return kept[at : at + size]

    if standardizer is not None:
        track(standardizer, part(Word.MU), part(Word.BATCH_VAR), values=n * height * width)
    if bn is not None:
        track(bn, part(Word.HEAD_MEAN), part(Word.HEAD_VAR), values=n)
