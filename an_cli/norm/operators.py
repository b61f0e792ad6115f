"""The compiled kernels as operators of PyTorch, `an_cli::attentive_norm` and its backward.

Registered with shapes for tracing and with gradients, so that compile, autocast, checkpointing and counting take them
as any other operator; a plain call goes past the dispatcher, which costs as much as a small map does. What is kept for
the backward pass is x and one vector of O(N C) numbers. A gradient that is itself differentiated is that of the
formula, computed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import Function

from an_cli.config.schema import Gate, Squeeze
from an_cli.kernels import GateKind, HeadKind, SqueezeKind, Standardization, Word
from an_cli.norm.calls import Running, kept_places, kept_words, run_backward, run_forward
from an_cli.norm.formula import Design, Parameters, formula
from an_cli.norm.moments import full_precision, statistics_dtype

GATES = {Gate.SIGMOID: GateKind.SIGMOID, Gate.SOFTMAX: GateKind.SOFTMAX, Gate.HSIGMOID: GateKind.HSIGMOID}
SQUEEZES = {Squeeze.MEAN: SqueezeKind.MEAN, Squeeze.MEAN_STD: SqueezeKind.MEAN_STD, Squeeze.RSD: SqueezeKind.RSD}
_LIBRARY = torch.library.Library("an_cli", "DEF")  # type: ignore[no-untyped-call]
_LIBRARY.define(  # type: ignore[no-untyped-call]
    "attentive_norm(Tensor x, Tensor gamma, Tensor beta, Tensor weight, Tensor? bias, Tensor? head_gamma, "
    "Tensor? head_beta, Tensor? mean, Tensor? var, Tensor? head_mean, Tensor? head_var, int[] choices, float[] numbers)"
    " -> (Tensor, Tensor)"
)
_LIBRARY.define(  # type: ignore[no-untyped-call]
    "attentive_norm_backward(Tensor grad, Tensor x, Tensor kept, Tensor gamma, Tensor beta, Tensor weight, "
    "Tensor? head_gamma, int[] choices, float[] numbers) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)


class Tensors(NamedTuple):
    """What an operator takes beside the map, in the statistics' dtype; see `Parameters` for the first six."""

    gamma: Tensor
    beta: Tensor
    weight: Tensor
    bias: Tensor | None
    head_gamma: Tensor | None
    head_beta: Tensor | None
    mean: Tensor | None  # tracked, where they are used
    var: Tensor | None
    head_mean: Tensor | None
    head_var: Tensor | None

    def to(self, dtype: torch.dtype) -> Tensors:
        """The same as numbers of another type."""
        gamma, beta, weight, *rest = self
        others = (t if t is None else t.to(dtype) for t in rest)
        return Tensors(gamma.to(dtype), beta.to(dtype), weight.to(dtype), *others)


def _design(choices: Sequence[int], numbers: Sequence[float]) -> Design:
    standardization, groups, inside, squeeze, head, gate = choices
    eps, squeeze_eps, head_eps, highest = numbers
    return Design(
        groups=groups,
        batch=standardization == Standardization.BATCH,
        inside=bool(inside),
        squeeze=next(word for word, kind in SQUEEZES.items() if kind == squeeze),
        normalized=head != HeadKind.A1,
        head_batch=head == HeadKind.BATCH,
        gate=next(word for word, kind in GATES.items() if kind == gate),
        eps=eps,
        squeeze_eps=squeeze_eps,
        head_eps=head_eps,
        highest=highest,
    )


def attentive_norm(
    x: Tensor, tensors: Tensors, choices: tuple[int, ...], numbers: tuple[float, ...], running: Running | None
) -> tuple[Tensor, Tensor | None]:
    """Call the kernels, through PyTorch's dispatcher where anything listens there.

    Args:
        x: the map.
        tensors: parameters and tracked statistics.
        choices: the design's whole numbers, see `_design`.
        numbers: the others.
        running: running statistics to update on the way.

    Returns:
        The output, and what was kept where the running statistics are still to be updated from it.
    """
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack():
        out, kept = torch.ops.an_cli.attentive_norm(x, *tensors, choices, numbers)
        return out, kept
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, *tensors)):
        box: list[Tensor] = []
        learned: Tensor = _Fused.apply(x, *tensors[:6], tensors, choices, numbers, running, box)
        return learned, box[0] if running is None else None
    out, kept = run_forward(x, tensors, choices, numbers, running)
    return out, kept if running is None else None


class _Fused(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, bias: Tensor | None,
        head_gamma: Tensor | None, head_beta: Tensor | None, tensors: Tensors, choices: tuple[int, ...],
        numbers: tuple[float, ...], running: Running | None, box: list[Tensor],
    ) -> Tensor:  # fmt: skip
        out, kept = run_forward(x, tensors, choices, numbers, running)
        box.append(kept)
        ctx.save_for_backward(x, gamma, beta, weight, bias, head_gamma, head_beta, kept)
        ctx.choices, ctx.numbers = choices, numbers
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, gamma, beta, weight, bias, head_gamma, _, kept = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*_of_the_formula(ctx, grad), *(None,) * 5)
        grads = run_backward(grad, x, kept, gamma, beta, weight, head_gamma, ctx.choices, ctx.numbers)
        return (*_only_given(grads, bias, head_gamma), *(None,) * 5)


def _only_given(grads: Sequence[Tensor], bias: Tensor | None, head_gamma: Tensor | None) -> tuple[Tensor | None, ...]:
    of_bias, of_head = grads[4] if bias is not None else None, head_gamma is not None
    return (*grads[:4], of_bias, grads[5] if of_head else None, grads[6] if of_head else None)


def _of_the_formula(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients that can be differentiated themselves."""
    *inputs, kept = ctx.saved_tensors
    x, weight, design = inputs[0], inputs[3], _design(ctx.choices, ctx.numbers)
    places = kept_places(x.shape[0], x.shape[1], weight.shape[0], weight.shape[1], bool(design.groups))[0]

    def part(slot: Word) -> Tensor:
        at, size = places[slot]
        return cast("Tensor", kept[at : at + size])

    tracked = None if design.groups or design.batch else (part(Word.MU), part(Word.INVERSE))
    head = (part(Word.HEAD_MEAN), part(Word.HEAD_INVERSE)) if design.normalized and not design.head_batch else None
    wanted = [t for t in inputs if t is not None and t.requires_grad]
    with full_precision(x):
        out = formula(x.to(kept.dtype), Parameters(*inputs[1:]), design, tracked, head).to(x.dtype)
        taken = iter(torch.autograd.grad(out, wanted, grad, create_graph=True, allow_unused=True))
    return tuple(next(taken) if t is not None and t.requires_grad else None for t in inputs)


def _forward(x: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    *tensors, choices, numbers = rest
    return run_forward(x, Tensors(*tensors), tuple(choices), tuple(numbers), None)


def _backward(*given: Any) -> tuple[Tensor, ...]:
    *tensors, choices, numbers = given
    return run_backward(*tensors, tuple(choices), tuple(numbers))  # type: ignore[call-arg]


_LIBRARY.impl("attentive_norm", _forward, "CPU")  # type: ignore[no-untyped-call]
_LIBRARY.impl("attentive_norm_backward", _backward, "CPU")  # type: ignore[no-untyped-call]


def _dense(x: Tensor) -> Tensor:
    return x if x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()


@torch.library.register_fake("an_cli::attentive_norm", lib=_LIBRARY)  # type: ignore[untyped-decorator]
def _forward_shapes(x: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    n, c, k, f = x.shape[0], x.shape[1], weight.shape[0], weight.shape[1]
    length = kept_words(n, c, k, f, rest[-2][0] == Standardization.GROUP)
    return torch.empty_like(_dense(x)), x.new_empty(length, dtype=statistics_dtype(x))


@torch.library.register_fake("an_cli::attentive_norm_backward", lib=_LIBRARY)  # type: ignore[untyped-decorator]
def _backward_shapes(
    grad: Tensor, x: Tensor, kept: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, *rest: Any
) -> tuple[Tensor, ...]:
    small = tuple(kept.new_empty(weight.shape[0]) for _ in range(3))
    return (
        torch.empty_like(_dense(x)),
        torch.empty_like(gamma),
        torch.empty_like(beta),
        torch.empty_like(weight),
        *small,
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.choices, ctx.numbers = inputs[-2], inputs[-1]
    ctx.save_for_backward(*inputs[:7], output[1])
    ctx.mark_non_differentiable(output[1])


def _differentiate(ctx: Any, grad: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    x, gamma, beta, weight, bias, head_gamma, _head_beta, kept = ctx.saved_tensors
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        return (*_of_the_formula(ctx, grad), *(None,) * 6)
    grads = torch.ops.an_cli.attentive_norm_backward(
        grad, x, kept, gamma, beta, weight, head_gamma, ctx.choices, ctx.numbers
    )
    return (*_only_given(grads, bias, head_gamma), *(None,) * 6)


torch.library.register_autograd("an_cli::attentive_norm", _differentiate, setup_context=_keep, lib=_LIBRARY)
