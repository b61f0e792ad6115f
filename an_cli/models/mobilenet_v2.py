"""MobileNet-v2 (Sandler et al., 2018): inverted residuals with linear bottlenecks.

Attentive normalization follows the depthwise convolution, in all blocks, unless the placement says otherwise. A group
of blocks is what other networks call a stage: it has one K.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from an_cli.config.schema import MobileNetV2Config, RecipeConfig
from an_cli.models.bottleneck import draw_convolutions
from an_cli.models.stem import conv, make_stem
from an_cli.norm import NormFactory, Slot, activated, zero_last_gamma
from an_cli.norm.initial import draw_normal


class MobileNetV2(nn.Module):
    """Stem, groups of inverted residuals, 1x1 convolution, global average, dropout, linear classifier.

    Convolutions start He normal (fan-out), the classifier from N(0, 0.01^2) with bias 0; zero-gamma, which the released
    network does not use, silences the branch of every block that has a shortcut.

    Args:
        model: blocks, widths, expansions and strides of the groups.
        norm: makes the normalization layers.
        recipe: stem and zero-gamma.
        classes: outputs.
        channels: channels of the images.

    Shape:
        (N, channels, H, W) -> (N, classes)

    Source: Section 4.1; Sandler et al., CVPR 2018, Table 2.
    """

    def __init__(
        self, model: MobileNetV2Config, norm: NormFactory, recipe: RecipeConfig, *, classes: int, channels: int
    ) -> None:
        super().__init__()
        self.stem = make_stem(recipe.stem, channels, model.stem_width, norm, nn.ReLU6)
        self.stages = nn.ModuleList(_groups(model, norm))
        self.head = nn.Sequential(
            conv(model.widths[-1], model.head_width, 1),
            norm(model.head_width, slot=Slot.HEAD, stage=model.stages - 1),
            nn.ReLU6(inplace=True),
        )
        self.dropout = model.dropout
        self.fc = nn.Linear(model.head_width, classes)
        draw_convolutions(self)
        if recipe.zero_gamma:
            _silence_branches(self)
        draw_normal(self.fc.weight, 0.0, 0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x_nchw: Tensor) -> Tensor:
        x_nchw = self.stem(x_nchw)
        for stage in self.stages:
            x_nchw = stage(x_nchw)
        pooled_nc = self.head(x_nchw).mean((2, 3))
        logits: Tensor = self.fc(F.dropout(pooled_nc, self.dropout, self.training))
        return logits


class InvertedResidual(nn.Module):
    """1x1 expansion (none for a factor of 1), 3x3 depthwise and linear 1x1 convolution, each with a norm.

    The shortcut is the identity, where stride and channels allow it.

    Args:
        inputs: input channels.
        outputs: output channels.
        expansion: width of the depthwise convolution, as a multiple of the inputs.
        stride: of the depthwise convolution.
        stage: group from 0, for the norm factory.
        norm: makes the normalization layers.

    Shape:
        (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self, inputs: int, outputs: int, *, expansion: int, stride: int, stage: int, norm: NormFactory
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expands, self.residual = expansion > 1, stride == 1 and inputs == outputs
        if self.expands:
            self.conv1 = conv(inputs, hidden, 1)
            self.norm1 = norm(hidden, slot=Slot.FIRST, stage=stage)
        self.conv2 = conv(hidden, hidden, 3, stride=stride, groups=hidden)
        self.norm2 = norm(hidden, slot=Slot.SECOND, stage=stage)
        self.conv3 = conv(hidden, outputs, 1)
        self.norm3 = norm(outputs, slot=Slot.THIRD, stage=stage)

    def forward(self, x_nchw: Tensor) -> Tensor:
        y_nchw = activated(self.norm1, self.conv1(x_nchw), 6.0) if self.expands else x_nchw
        y_nchw = activated(self.norm2, self.conv2(y_nchw), 6.0)
        out: Tensor = self.norm3(self.conv3(y_nchw))
        return x_nchw + out if self.residual else out


def _silence_branches(model: nn.Module) -> None:
    """Set the last plain norm to 0 where there is a shortcut; without one the signal would end there."""
    for block in model.modules():
        if isinstance(block, InvertedResidual) and block.residual:
            zero_last_gamma(block.norm3)


def _groups(model: MobileNetV2Config, norm: NormFactory) -> Iterator[nn.Sequential]:
    inputs = model.stem_width
    for stage, (blocks, width, expansion, first_stride) in enumerate(
        zip(model.blocks, model.widths, model.expansions, model.strides, strict=True)
    ):
        group = []
        for stride in (first_stride, *(1 for _ in range(blocks - 1))):
            group.append(InvertedResidual(inputs, width, expansion=expansion, stride=stride, stage=stage, norm=norm))
            inputs = width
        yield nn.Sequential(*group)
