"""The bottleneck of ResNets (He et al., 2016), which is also the operation of an And-Or graph's node.

It asks the norm factory for the slots first, second and third; with attentive normalization only the second is
attentive unless the placement says otherwise.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from an_cli.models.stem import conv
from an_cli.norm import NormFactory, Slot, activated, zero_last_gamma
from an_cli.norm.initial import he_normal


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution, each with a norm, around a shortcut.

    Args:
        inputs: input channels.
        width: channels of the 3x3 convolution.
        outputs: output channels.
        stride: of the 3x3 convolution and the shortcut.
        stage: from 0, for the norm factory.
        norm: makes the normalization layers.
        shortcut: the projection, or the identity.
        middle: slot of the second norm.
        dropout: probability of dropping a channel of the branch.

    Shape:
        (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        *,
        stride: int,
        stage: int,
        norm: NormFactory,
        shortcut: nn.Module,
        middle: Slot = Slot.SECOND,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = conv(inputs, width, 1)
        self.norm1 = norm(width, slot=Slot.FIRST, stage=stage)
        self.conv2 = conv(width, width, 3, stride=stride)
        self.norm2 = norm(width, slot=middle, stage=stage)
        self.conv3 = conv(width, outputs, 1)
        self.norm3 = norm(outputs, slot=Slot.THIRD, stage=stage)
        self.shortcut = shortcut
        self.dropout = dropout

    def forward(self, x_nchw: Tensor, residual_nchw: Tensor | None = None) -> Tensor:
        """Run the branch on x and the shortcut on the residual input, which is x unless given."""
        y_nchw = activated(self.norm1, self.conv1(x_nchw), math.inf)
        y_nchw = activated(self.norm2, self.conv2(y_nchw), math.inf)
        y_nchw = self.norm3(self.conv3(y_nchw))
        if self.dropout:
            y_nchw = F.dropout2d(y_nchw, self.dropout, self.training)
        return torch.relu_(y_nchw + self.shortcut(x_nchw if residual_nchw is None else residual_nchw))


def draw_convolutions(model: nn.Module) -> None:
    """Draw a network's convolutions He normal (fan-out); everything else is left as it is.

    Source: Section 4.2.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            he_normal(module.weight)


def silence_branches(model: nn.Module) -> None:
    """Set the last plain norm of every bottleneck to 0 (zero-gamma, Section 4.2)."""
    for module in model.modules():
        if isinstance(module, Bottleneck):
            zero_last_gamma(module.norm3)
