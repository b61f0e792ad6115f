"""Calls of the compiled kernels: memory for what they put out, a frame of addresses, and one call each way.

Everything about a call that its shapes decide is made once and copied; what is left is a handful of addresses, because
at 7x7 maps it is Python that costs.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from an_cli.kernels import BLOCK, HeadKind, Kernel, Standardization, Word, bits, load, make_frame
from an_cli.norm.moments import statistics_dtype

ELEMENTS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16", torch.float64: "fp64"}
_LINE = 16  # numbers; every section begins on a cache line
_GIVEN = (
    Word.GAMMA, Word.BETA, Word.WEIGHT, Word.BIAS, Word.HEAD_GAMMA, Word.HEAD_BETA, Word.RUNNING_MEAN, Word.RUNNING_VAR,
    Word.HEAD_RUNNING_MEAN, Word.HEAD_RUNNING_VAR,
)  # fmt: skip
Places = dict[Word, tuple[int, int]]  # where a section begins, and its length


class Running(NamedTuple):
    """Running statistics that a call in training moves on; None where a batch norm is not there or does not learn."""

    mean: Tensor | None
    var: Tensor | None
    batches: Tensor | None
    momentum: float
    head_mean: Tensor | None
    head_var: Tensor | None
    head_batches: Tensor | None
    head_momentum: float


def kept_places(n: int, c: int, k: int, f: int, grouped: bool) -> tuple[Places, int]:
    """Sections of the vector that is kept for the backward pass, and its length."""
    own = n * c if grouped else c
    sizes = {Word.MEAN: n * c, Word.VAR: n * c, Word.SCALE: n * c, Word.SHIFT: n * c, Word.MU: own, Word.INVERSE: own}
    sizes |= {Word.SQUEEZED: n * f, Word.LAMBDA: n * k, Word.LOGITS: n * k, Word.BATCH_VAR: c}
    return _sections(sizes | {Word.HEAD_MEAN: k, Word.HEAD_VAR: k, Word.HEAD_INVERSE: k})


def kept_words(n: int, c: int, k: int, f: int, grouped: bool) -> int:
    """Length of that vector."""
    return kept_places(n, c, k, f, grouped)[1]


def _scratch_places(n: int, c: int, k: int, f: int) -> tuple[Places, int]:
    maps = (Word.D_GAMMA_NC, Word.D_BETA_NC, Word.D_MEAN, Word.D_VAR, Word.D_MU, Word.D_INVERSE)
    sizes = dict.fromkeys(maps, n * c) | {Word.D_SQUEEZED: n * f, Word.D_LOGITS: n * k}
    return _sections(sizes | {Word.BATCH_D_MEAN: c, Word.BATCH_D_VAR: c})


def _sections(sizes: dict[Word, int]) -> tuple[Places, int]:
    places: Places = {}
    at = 0
    for slot, size in sizes.items():
        places[slot], at = (at, size), at + -(-size // _LINE) * _LINE
    return places, at


class _Plan(NamedTuple):
    forward: array[int]
    backward: array[int]
    kept: int
    scratch: int


@lru_cache(maxsize=1024)
def _plan(
    n: int, c: int, p: int, k: int, f: int, columns: bool, size: int, choices: tuple[int, ...],
    numbers: tuple[float, ...],
) -> _Plan:  # fmt: skip
    standardization, groups, inside, squeeze, head, gate = choices
    kept, kept_length = kept_places(n, c, k, f, standardization == Standardization.GROUP)
    scratch, scratch_length = _scratch_places(n, c, k, f)
    eps, squeeze_eps, head_eps, highest = numbers
    values: dict[Word, float] = {
        Word.N: n, Word.C: c, Word.P: p, Word.K: k, Word.F: f, Word.COLUMNS: columns,
        Word.STANDARDIZATION: standardization, Word.GROUPS: groups, Word.INSIDE: inside, Word.SQUEEZE: squeeze,
        Word.HEAD: head, Word.GATE: gate, Word.EPS: eps, Word.SQUEEZE_EPS: squeeze_eps, Word.HEAD_EPS: head_eps,
        Word.HIGH: highest,
    }  # fmt: skip
    values |= {slot: at * size for places in (kept, scratch) for slot, (at, _) in places.items()}
    forward = _forward_steps(n, c, standardization, inside, head)
    backward = _backward_steps(n, c, k, standardization)
    return _Plan(make_frame(values, forward), make_frame(values, backward), kept_length, scratch_length)


def _forward_steps(n: int, c: int, standardization: int, inside: int, head: int) -> list[tuple[Kernel, int]]:
    steps: list[tuple[Kernel, int]] = []
    if standardization == Standardization.TRACKED or head == HeadKind.TRACKED:
        steps.append((Kernel.PREPARE, 1))
    if standardization != Standardization.BATCH and head != HeadKind.BATCH:
        return [*steps, (Kernel.WHOLE, n)]
    steps.append((Kernel.MOMENTS, n))
    if standardization == Standardization.BATCH:
        steps.append((Kernel.BATCH, -(-c // BLOCK)))
        if inside:
            steps.append((Kernel.SQUEEZE, n))
    if head == HeadKind.BATCH:
        steps.append((Kernel.HEAD, 1))
    return [*steps, (Kernel.OUTPUT, n), (Kernel.TRACK, 1)]


def _backward_steps(n: int, c: int, k: int, standardization: int) -> list[tuple[Kernel, int]]:
    steps = [(Kernel.REDUCE, n), (Kernel.HEAD_BACK, 1), (Kernel.PARAMETERS, k), (Kernel.SQUEEZE_BACK, n)]
    if standardization == Standardization.BATCH:
        steps.append((Kernel.BATCH_BACK, -(-c // BLOCK)))
    return [*steps, (Kernel.GRADIENT, n)]


def run_forward(
    x: Tensor, given: Sequence[Tensor | None], choices: tuple[int, ...], numbers: tuple[float, ...],
    running: Running | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The output and what is kept.

    Args:
        x: the map.
        given: parameters and tracked statistics, in the order of `Tensors`.
        choices: of the design.
        numbers: of the design.
        running: what is moved on.
    """
    x, plan = _planned(x, given[2], choices, numbers)
    out, kept = torch.empty_like(x), torch.empty(plan.kept, dtype=statistics_dtype(x))
    frame = plan.forward[:]
    frame[Word.X], frame[Word.Y], frame[Word.KEPT] = x.data_ptr(), out.data_ptr(), kept.data_ptr()
    held = [None if t is None else t.contiguous() for t in given]  # alive until the call is over
    for slot, t in zip(_GIVEN, held, strict=True):
        if t is not None:
            frame[slot] = t.data_ptr()
    if running is not None:
        _hand_over(frame, running)
    load(ELEMENTS[x.dtype]).run(frame, torch.get_num_threads())
    return out, kept


def run_backward(
    grad: Tensor, x: Tensor, kept: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, head_gamma: Tensor | None,
    choices: tuple[int, ...], numbers: tuple[float, ...],
) -> tuple[Tensor, ...]:  # fmt: skip
    """Gradients of map, gamma, beta, weight, bias, and A2's gamma and beta; of what is not there they mean nothing."""
    x, plan = _planned(x, weight, choices, numbers)
    order = torch.channels_last if plan.backward[Word.COLUMNS] else torch.contiguous_format
    grad = grad.contiguous(memory_format=order)
    dx, scratch = torch.empty_like(x), torch.empty(plan.scratch, dtype=kept.dtype)
    held = (gamma.contiguous(), beta.contiguous(), weight.contiguous())
    grads = (*map(torch.empty_like, held), *(kept.new_empty(weight.shape[0]) for _ in range(3)))
    frame = plan.backward[:]
    frame[Word.X], frame[Word.GRAD], frame[Word.DX] = x.data_ptr(), grad.data_ptr(), dx.data_ptr()
    frame[Word.KEPT], frame[Word.SCRATCH] = kept.data_ptr(), scratch.data_ptr()
    frame[Word.GAMMA], frame[Word.BETA], frame[Word.WEIGHT] = (t.data_ptr() for t in held)
    if head_gamma is not None:
        frame[Word.HEAD_GAMMA] = head_gamma.data_ptr()
    for i, t in enumerate(grads, start=Word.D_GAMMA):
        frame[i] = t.data_ptr()
    load(ELEMENTS[x.dtype]).run(frame, torch.get_num_threads())
    return dx, *grads


def _planned(
    x: Tensor, weight: Tensor | None, choices: tuple[int, ...], numbers: tuple[float, ...]
) -> tuple[Tensor, _Plan]:
    assert weight is not None
    rows = x.is_contiguous()
    if not rows and not x.is_contiguous(memory_format=torch.channels_last):
        x, rows = x.contiguous(), True
    n, c, h, w = x.shape
    k, f = weight.shape
    return x, _plan(n, c, h * w, k, f, not rows, max(x.element_size(), 4), choices, numbers)


def _hand_over(frame: array[int], running: Running) -> None:
    if running.mean is not None and running.var is not None and running.batches is not None:
        frame[Word.RUNNING_MEAN], frame[Word.RUNNING_VAR] = running.mean.data_ptr(), running.var.data_ptr()
        frame[Word.BATCHES], frame[Word.MOMENTUM] = running.batches.data_ptr(), bits(running.momentum)
    if running.head_mean is not None and running.head_var is not None and running.head_batches is not None:
        frame[Word.HEAD_RUNNING_MEAN], frame[Word.HEAD_RUNNING_VAR] = (
            running.head_mean.data_ptr(),
            running.head_var.data_ptr(),
        )
        frame[Word.HEAD_BATCHES], frame[Word.HEAD_MOMENTUM] = (
            running.head_batches.data_ptr(),
            bits(running.head_momentum),
        )
