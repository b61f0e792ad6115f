"""The two passes over a feature map: instance moments, and re-calibration.

Everything else in attentive normalization is arithmetic on N x C numbers: batch and group statistics follow from the
instance moments, and scale and shift carry the standardization and the mixed affine transformation together. So a layer
reads its feature map once for the moments and once for the output. Both passes work on the *centered* map x - m: a
folded x * scale + shift cancels in float32 as soon as a mean is large against its standard deviation, here it cannot.

The gradients are written out because autograd's own chain makes more passes over memory: on one CPU thread it took 1.4
to 3.5 times as long for maps of 14x14 pixels and more (and a little less for 4x4, where memory is not what costs).
Shapes: n samples, c channels, h x w pixels.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_PIXELS = (2, 3)


class Centered(NamedTuple):
    """A feature map taken apart: x = map + mean, and the biased variance of each instance's channel."""

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
    d_nchw, m_nc, v_nc = _Center.apply(x_nchw)
    return Centered(d_nchw, m_nc, v_nc, x_nchw.shape[2] * x_nchw.shape[3])


def recalibrate(d_nchw: Tensor, scale_nc: Tensor, shift_nc: Tensor) -> Tensor:
    """Apply one scale and shift per instance and channel: d * scale + shift (Eqn. 9, folded)."""
    out: Tensor = _Recalibrate.apply(d_nchw, scale_nc, shift_nc)
    return out


def statistics_dtype(x: Tensor) -> torch.dtype:
    """Float32 for half precisions, else the tensor's own."""
    return torch.promote_types(x.dtype, torch.float32)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Switch autocast off where there is any: half-precision logits and mixtures would undo float32 statistics."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


class _Center(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        m = x.mean(_PIXELS, keepdim=True, dtype=statistics_dtype(x))
        d = x - m
        ctx.save_for_backward(d)
        ctx.dtype = x.dtype
        return d, m.flatten(1), _mean_square(d)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_d: Tensor, grad_m: Tensor, grad_v: Tensor) -> Tensor:
        (d,) = ctx.saved_tensors
        pixels = d.shape[2] * d.shape[3]
        constant = _map(grad_m / pixels) - grad_d.mean(_PIXELS, keepdim=True)
        grad_x = _scale_shift(d, _map(grad_v * (2 / pixels)), constant).add_(grad_d)
        return grad_x.to(ctx.dtype)


class _Recalibrate(Function):
    @staticmethod
    def forward(ctx: Any, d: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(d, scale)
        return _scale_shift(d, _map(scale), _map(shift))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        d, scale = ctx.saved_tensors
        product = grad * d
        grad_scale = product.sum(_PIXELS)
        # Its memory again: on a CPU fresh pages cost more than the arithmetic.
        return torch.mul(grad, _map(scale), out=product), grad_scale, grad.sum(_PIXELS)


def _map(values_nc: Tensor) -> Tensor:
    return values_nc[:, :, None, None]


def _mean_square(d: Tensor) -> Tensor:
    # A norm reads d once and stores no d^2, but a CPU's is slow for channels-last (torch.var_mean is for any layout).
    if d.device.type == "cpu" and not d.is_contiguous():
        return d.square().mean(_PIXELS)
    norm_nc: Tensor = torch.linalg.vector_norm(d, dim=_PIXELS)
    return norm_nc.square() / (d.shape[2] * d.shape[3])


def _scale_shift(d: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    # One kernel on an accelerator; on a CPU addcmul does not vectorize over broadcast operands and is twice as slow.
    return (d * scale).add_(shift) if d.device.type == "cpu" else torch.addcmul(shift, d, scale)
