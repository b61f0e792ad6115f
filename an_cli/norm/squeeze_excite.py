"""Squeeze and excitation (Hu et al., 2018): channel attention after a normalization, the baseline AN is compared with.

    s_nc = sigmoid(W2 relu(W1 mean_hw(x) + b1) + b2),   out = x s

Where AN mixes affine transformations inside the normalization, SE rescales what comes out of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Rescale each channel of each sample by a gate that sees the means of all channels.

    Args:
        channels: C.
        reduction: the hidden layer has C / reduction units, at least 1; 16 in the paper.

    Shape:
        (N, C, H, W) -> (N, C, H, W)

    Source: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018; Table 2's SE row.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x_nchw: Tensor) -> Tensor:
        scale_nc = torch.sigmoid(self.fc2(F.relu(self.fc1(x_nchw.mean((2, 3))))))
        return x_nchw * scale_nc[:, :, None, None]
