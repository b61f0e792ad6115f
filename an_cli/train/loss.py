"""Cross entropy with label smoothing, and its mixture for mixup (paper, Section 4.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def smoothed_cross_entropy(logits_nc: torch.Tensor, target_n: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Mean of (1 - e) * NLL + e * mean over all classes of -log p, the true class included.

    Args:
        logits_nc: scores of N samples over C classes.
        target_n: class numbers.
        smoothing: e, in [0, 1); the paper uses 0.1 in the state-of-the-art setup.

    Returns:
        A scalar, in float32 or wider whatever the precision of the logits.
    """
    wide = logits_nc if logits_nc.dtype is torch.float64 else logits_nc.float()
    return F.cross_entropy(wide, target_n, label_smoothing=smoothing)


def mixed_cross_entropy(
    logits_nc: torch.Tensor, target_n: torch.Tensor, partner_n: torch.Tensor, lam: float, smoothing: float
) -> torch.Tensor:
    """Loss of a mixed batch: lam * loss(target) + (1 - lam) * loss(partner), each with label smoothing."""
    own = smoothed_cross_entropy(logits_nc, target_n, smoothing)
    return lam * own + (1 - lam) * smoothed_cross_entropy(logits_nc, partner_n, smoothing)
