"""Switchable normalization: the standardizations of IN, LN and BN, mixed by learned weights (Luo et al., 2019).

    mu    = sum_i w_i mu_i,   w = softmax(mean_weight)      i over instance, layer and batch
    var   = sum_i w'_i var_i, w' = softmax(var_weight)
    out   = gamma (x - mu) / sqrt(var + eps) + beta

All three moments follow from those of the instances, so the feature map is read once for them and once for the output.
Shapes: n samples, c channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from an_cli.norm.moments import Centered, center, full_precision, recalibrate
from an_cli.norm.standardizers import BatchStandardizer


class SwitchableNorm2d(nn.Module):
    """Switchable normalization of a batch of feature maps.

    Adds 6 scalars to BN's gamma and beta: one weight for each of the three means and the three variances. Variances are
    biased; batch statistics are tracked for evaluation as BN's are (unbiased).

    Args:
        channels: C.
        eps: added to the mixed variance.
        momentum: weight of the new batch in the running statistics, 0 to 1.

    Shape:
        (N, C, H, W) -> (N, C, H, W)

    Source: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", ICLR 2019, Eqn. 2-5;
    Table 2's SN rows.
    """

    def __init__(self, channels: int, *, eps: float, momentum: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean_weight = nn.Parameter(torch.ones(3))
        self.var_weight = nn.Parameter(torch.ones(3))
        self.batch = BatchStandardizer(channels, eps=eps, momentum=momentum)

    def forward(self, x_nchw: Tensor) -> Tensor:
        with full_precision(x_nchw):
            x = center(x_nchw)
            mu_nc, var_nc = self._mixed(x)
            scale_nc = (var_nc + self.eps).rsqrt() * self.weight
            shift_nc = torch.addcmul(self.bias, x.mean_nc - mu_nc, scale_nc)
            return recalibrate(x, scale_nc, shift_nc).to(x_nchw.dtype)

    def _mixed(self, x: Centered) -> tuple[Tensor, Tensor]:
        """Mean and variance of each instance's channel, (N, C)."""
        layer_mean = x.mean_nc.mean(1, keepdim=True)
        layer_var = (x.var_nc + (x.mean_nc - layer_mean).square()).mean(1, keepdim=True)
        batch_mean, batch_var = self.batch.moments(x)
        return (
            _mix(self.mean_weight, x.mean_nc, layer_mean, batch_mean),
            _mix(self.var_weight, x.var_nc, layer_var, batch_var),
        )

    def extra_repr(self) -> str:
        return f"{self.weight.numel()}, eps={self.eps}"


def _mix(weight: Tensor, instance_nc: Tensor, layer_n1: Tensor, batch_c: Tensor) -> Tensor:
    w = torch.softmax(weight.to(instance_nc.dtype), 0)
    return w[0] * instance_nc + w[1] * layer_n1 + w[2] * batch_c
