"""The layer as one formula of PyTorch's operations (Section 3.3): what every other path is held against.

    x_hat = (x - mu) / sigma,   s = squeeze(m, v),   lambda = gate(head(s)),   out = (lambda gamma) x_hat + lambda beta

Differentiable any number of times; the compiled kernels fall back on it for second derivatives. Slow, and short: every
line is an equation. Shapes: n samples, c channels, k components, f squeezed features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from an_cli.config.schema import Gate, Squeeze
from an_cli.norm.squeezes import squeeze

_PIXELS = (2, 3)


@dataclass(frozen=True)
class Design:
    """What a layer computes in one call, apart from its tensors.

    Attributes:
        groups: of a group standardization; 0 for batch standardization.
        batch: whether batch standardization uses the batch's moments, not the tracked ones.
        inside: whether the attention looks at the standardized map.
        squeeze: the instance statistic.
        normalized: whether the head is A2.
        head_batch: whether A2 uses the batch's moments.
        gate: from logits to lambda.
        eps: of the standardization.
        squeeze_eps: inside the root of the instance's standard deviation.
        head_eps: of A2's BN.
        highest: where the activation after the layer cuts off: 0 for none, inf for ReLU, 6 for ReLU6.
    """

    groups: int
    batch: bool
    inside: bool
    squeeze: Squeeze
    normalized: bool
    head_batch: bool
    gate: Gate
    eps: float
    squeeze_eps: float
    head_eps: float
    highest: float


@dataclass(frozen=True)
class Parameters:
    """The layer's tensors: the mixture's (k, c), the head's (k, f), and (k,) of A1's bias or A2's BN."""

    gamma: Tensor
    beta: Tensor
    weight: Tensor
    bias: Tensor | None
    head_gamma: Tensor | None
    head_beta: Tensor | None


def formula(
    x_nchw: Tensor,
    parameters: Parameters,
    design: Design,
    tracked: tuple[Tensor, Tensor] | None = None,
    head_tracked: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Attentive normalization, and the activation after it.

    Args:
        x_nchw: the map, in the statistics' dtype.
        parameters: in the same.
        design: what is computed.
        tracked: mu and sigma's inverse, (c,), where the batch's are not used.
        head_tracked: the same of A2's BN, (k,).
    """
    m, v = x_nchw.mean(_PIXELS), torch.var(x_nchw, _PIXELS, correction=0)
    mu, inverse = _standardization(m, v, design, tracked)
    seen = ((m - mu) * inverse, v * inverse.square()) if design.inside else (m, v)
    s_nf = squeeze(design.squeeze, *seen, pixels=x_nchw.shape[2] * x_nchw.shape[3], eps=design.squeeze_eps)
    lambda_nk = gated(design.gate, _logits(s_nf, parameters, design, head_tracked))
    scale = (lambda_nk @ parameters.gamma) * inverse
    shift = lambda_nk @ parameters.beta + (m - mu) * scale
    out = (x_nchw - m[:, :, None, None]) * scale[:, :, None, None] + shift[:, :, None, None]
    return out.clamp(0, design.highest) if design.highest else out


def gated(gate: Gate, logits_nk: Tensor) -> Tensor:
    """From logits to lambda."""
    match gate:
        case Gate.SIGMOID:
            return torch.sigmoid(logits_nk)
        case Gate.SOFTMAX:
            return torch.softmax(logits_nk, 1)
        case Gate.HSIGMOID:
            # Not F.hardsigmoid: its gradient in float64 has a 1/6 rounded to float32.
            return F.relu6(logits_nk + 3) / 6


def _standardization(
    m: Tensor, v: Tensor, design: Design, tracked: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    if tracked is not None:
        return tracked
    if not design.groups:
        return _moments(m, v, 0, design.eps)
    n, c = m.shape
    m_ngi, v_ngi = (t.view(n, design.groups, c // design.groups) for t in (m, v))
    mu, inverse = _moments(m_ngi, v_ngi, 2, design.eps)
    return mu.expand_as(m_ngi).reshape(n, c), inverse.expand_as(m_ngi).reshape(n, c)


def _moments(m: Tensor, v: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor]:
    """Mean, and inverse standard deviation, of blocks from those of their parts."""
    mu = m.mean(dim, keepdim=True)
    return mu, ((v + (m - mu).square()).mean(dim, keepdim=True) + eps).rsqrt()


def _logits(s_nf: Tensor, parameters: Parameters, design: Design, head_tracked: tuple[Tensor, Tensor] | None) -> Tensor:
    logits = F.linear(s_nf, parameters.weight, parameters.bias)
    if parameters.head_gamma is None or parameters.head_beta is None:
        return logits
    mu, inverse = head_tracked or _moments(logits, torch.zeros_like(logits), 0, design.head_eps)
    return (logits - mu) * inverse * parameters.head_gamma + parameters.head_beta
