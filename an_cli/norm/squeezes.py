"""Instance statistics that feed the attention (Section 3.3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from an_cli.config.schema import Squeeze


def squeeze(kind: Squeeze, mean_nc: Tensor, var_nc: Tensor, *, pixels: int | Tensor, eps: float) -> Tensor:
    """Summarize each instance's channels.

    With m the mean and v the *unbiased* variance over the pixels, and sd = sqrt(v + eps):
    mean -> m; mean_std -> (m, sd) side by side; rsd -> m / sd (the paper's name; it is the inverse of what
    statistics calls relative standard deviation). A single pixel has v = 0 instead of 0/0.

    Args:
        kind: which statistic.
        mean_nc: m.
        var_nc: the *biased* variance.
        pixels: H * W.
        eps: inside the root; 1e-3 as released.

    Returns:
        Shape (N, C), or (N, 2C) for mean_std.

    Source: Section 3.3.2, Table 1 rows 2-3.
    """
    if kind is Squeeze.MEAN:
        return mean_nc
    # A tensor while torch.jit traces: a plain max would keep the larger side alone, and give 0/0 at 1x1 pixels.
    below = (pixels - 1).clamp(min=1) if isinstance(pixels, Tensor) else max(pixels - 1, 1)
    var_nc = var_nc * (pixels / below) + eps
    if kind is Squeeze.MEAN_STD:
        return torch.cat((mean_nc, var_nc.sqrt()), 1)
    return mean_nc * var_nc.rsqrt()


def squeezed_features(kind: Squeeze, channels: int) -> int:
    """Width of the statistic: 2C for mean_std, else C."""
    return 2 * channels if kind is Squeeze.MEAN_STD else channels
