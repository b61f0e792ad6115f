"""The two passes over a feature map: instance moments, and re-calibration.

Everything else in attentive normalization is arithmetic on N x C numbers: batch and group statistics follow from the
instance moments, and scale and shift carry the standardization and the mixed affine transformation together. So a layer
reads its feature map once for the moments and once for the output. Both passes work on the *centered* map x - m: a
folded x * scale + shift cancels in float32 as soon as a mean is large against its standard deviation, here it cannot.

The gradients are written out because autograd's own chain makes more passes over memory, which is what they cost
(benchmarks/norm_layers.py). To that end the two passes share a contract: whatever uses d = x - m gives m the gradient
that d holds of it, so that d's own gradient goes to x unchanged; and both write into memory that they own. A gradient
that is itself differentiated keeps to the contract through `_Tied`, and is made of operations that autograd records.
Shapes: n samples, c channels, h x w pixels.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

_PIXELS = (2, 3)


class Centered(NamedTuple):
    """A feature map taken apart: x = map + mean, and the biased variance of each instance's channel.

    The map is for `recalibrate` alone, which may write into it: its gradient by itself leaves out the mean.
    """

    map_nchw: Tensor
    mean_nc: Tensor
    var_nc: Tensor
    pixels: int


def center(x_nchw: Tensor) -> Centered:
    """Split a feature map into instance mean, instance variance and the centered map.

    m = mean_hw(x), d = x - m, v = mean_hw(d^2). The second pass over d keeps the variance exact for large means.

    Args:
        x_nchw: any floating dtype; half precisions are computed in float32, float64 stays float64.

    Returns:
        The centered map and the moments, in the statistics' dtype.

    Source: Section 3.3.2.
    """
    if _by_plain_operations():
        d_nchw = x_nchw.to(statistics_dtype(x_nchw))
        m_nc = d_nchw.mean(_PIXELS)
        d_nchw = d_nchw - _map(m_nc)
        v_nc = d_nchw.square().mean(_PIXELS)
    else:
        learning = torch.is_grad_enabled() and x_nchw.requires_grad
        d_nchw, m_nc, v_nc = (_Center.apply if learning else _center)(x_nchw)
    return Centered(d_nchw, m_nc, v_nc, x_nchw.shape[2] * x_nchw.shape[3])


def recalibrate(x: Centered, scale_nc: Tensor, shift_nc: Tensor) -> Tensor:
    """Apply one scale and shift per instance and channel: (x - m) * scale + shift (Eqn. 9, folded)."""
    if _by_plain_operations():
        return x.map_nchw * _map(scale_nc) + _map(shift_nc)
    learning = any(t.requires_grad for t in (x.map_nchw, x.mean_nc, scale_nc, shift_nc))
    if torch.is_grad_enabled() and learning:
        out: Tensor = _Recalibrate.apply(x.map_nchw, x.mean_nc, scale_nc, shift_nc)
        return out
    return _scale_shift_(x.map_nchw, _map(scale_nc), _map(shift_nc))


def statistics_dtype(x: Tensor) -> torch.dtype:
    """Float32 for half precisions, else the tensor's own."""
    return torch.promote_types(x.dtype, torch.float32)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Switch autocast off where there is any: half-precision logits and mixtures would undo float32 statistics."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


class _Center(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _center(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
        d, m, _ = output
        ctx.save_for_backward(d, m)
        ctx.dtype = inputs[0].dtype

    @staticmethod
    def backward(ctx: Any, grad_d: Tensor, grad_m: Tensor, grad_v: Tensor) -> Tensor:
        d, m = ctx.saved_tensors
        pixels = d.shape[2] * d.shape[3]
        slope, constant = _map(grad_v * (2 / pixels)), _map(grad_m / pixels)
        if _graph_of_gradients():
            tied: Tensor = _Tied.apply(d, m)
            return (grad_d + tied * slope + constant).to(ctx.dtype)
        return _add_scaled_(grad_d, d, slope).add_(constant).to(ctx.dtype)


class _Recalibrate(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(d: Tensor, m: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return _scale_shift(d, _map(scale), _map(shift))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Tensor], output: Tensor) -> None:
        d, m, scale, _ = inputs
        ctx.save_for_backward(d, m, scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        d, m, scale = ctx.saved_tensors
        if _graph_of_gradients():
            grad_scale, grad_shift = _sum(grad * _Tied.apply(d, m)), _sum(grad)
            return grad * _map(scale), -scale * grad_shift, grad_scale, grad_shift
        product = grad * d
        grad_scale, grad_shift = _sum(product), _sum(grad)
        # Its memory again: on a CPU fresh pages cost more than the arithmetic.
        return torch.mul(grad, _map(scale), out=product), -scale * grad_shift, grad_scale, grad_shift


class _Tied(Function):
    """The centered map, giving the mean the gradient that the map holds of it (see the top of this module)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(d: Tensor, m: Tensor) -> Tensor:
        return d.clone()  # an output that is an input would be a view of it

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad.clone(), -_sum(grad)  # of its own: `_Center` adds into the map's gradient


def _center(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    pixels = x.shape[2] * x.shape[3]
    m = _sum(x, statistics_dtype(x)) / pixels
    d = x - _map(m)
    return d, m, _sum_of_squares(d) / pixels


def _graph_of_gradients() -> bool:
    """Whether a backward pass is itself to be differentiated, so that nothing may be overwritten.

    Not while compiling: PyTorch's compiler traces a backward pass with gradients on, and refuses second derivatives.
    """
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _by_plain_operations() -> bool:
    """Whether only operations of PyTorch's own will do.

    A trace cannot be saved with ours in it; forward-mode derivatives pass neither ours nor an overwritten map.
    """
    if torch.compiler.is_compiling():
        return False
    return bool(torch.jit.is_tracing()) or forward_ad._current_level >= 0  # type: ignore[attr-defined,no-untyped-call]


def _map(values_nc: Tensor) -> Tensor:
    return values_nc[:, :, None, None]


def _interleaved(x: Tensor) -> bool:
    """Whether a map lies channels-last in a CPU's memory, where other kernels are the fast ones."""
    return x.device.type == "cpu" and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def _sum(x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Sum over the pixels, (N, C); over one axis, which a CPU does in a third of the time that two take."""
    rows = x.permute(0, 2, 3, 1).flatten(1, 2) if _interleaved(x) else x.flatten(2)
    return rows.sum(1 if _interleaved(x) else 2, dtype=dtype)


def _sum_of_squares(d: Tensor) -> Tensor:
    # A norm reads d once and stores no d^2, but a CPU's is slow for channels-last (torch.var_mean is for any layout).
    if _interleaved(d):
        return _sum(d.square())
    norm_nc: Tensor = torch.linalg.vector_norm(d, dim=_PIXELS)
    return norm_nc.square()


def _addcmul_is_fast(d: Tensor) -> bool:
    # One kernel on an accelerator; on a CPU it vectorizes over operands that are broadcast only if channels are inmost.
    return d.device.type != "cpu" or _interleaved(d)


def _scale_shift(d: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return torch.addcmul(shift, d, scale) if _addcmul_is_fast(d) else (d * scale).add_(shift)


def _scale_shift_(d: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return torch.addcmul(shift, d, scale, out=d) if _addcmul_is_fast(d) else d.mul_(scale).add_(shift)


def _add_scaled_(total: Tensor, d: Tensor, scale: Tensor) -> Tensor:
    return total.addcmul_(d, scale) if _addcmul_is_fast(d) else total.add_(d * scale)
