"""ResNet with bottlenecks (He et al., 2016), with the stride in the 3x3 convolution.

A bottleneck asks the norm factory for the slots first, second, third and shortcut; with attentive normalization only
the second is attentive unless the placement says otherwise. Convolutions have no bias.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from an_cli.config.schema import ModelConfig, RecipeConfig, Shortcut, Stem
from an_cli.errors import ConfigError
from an_cli.norm import NormFactory, Slot, zero_last_gamma
from an_cli.norm.initial import he_normal


class ResNet(nn.Module):
    """Stem, stages of bottlenecks, global average, linear classifier.

    Stage i has blocks[i] bottlenecks of width widths[i] and puts out widths[i] * expansion channels; every stage but
    the first halves the map. Convolutions start He normal (fan-out), the classifier as PyTorch has it, and with
    zero-gamma the last plain norm of every bottleneck at 0.

    Args:
        model: blocks, widths, expansion, stem width.
        norm: makes the normalization layers.
        recipe: stem, shortcut and zero-gamma.
        classes: outputs.
        channels: channels of the images.

    Shape:
        (N, channels, H, W) -> (N, classes)

    Source: Section 4.1 (vanilla setup), Section 4.2 (state-of-the-art setup).
    """

    def __init__(
        self, model: ModelConfig, norm: NormFactory, recipe: RecipeConfig, *, classes: int, channels: int
    ) -> None:
        super().__init__()
        self.stem = make_stem(recipe.stem, channels, model.stem_width, norm)
        self.stages = nn.ModuleList(_stages(model, norm, recipe))
        self.fc = nn.Linear(model.widths[-1] * model.expansion, classes)
        self._initialize(zero_gamma=recipe.zero_gamma)

    def forward(self, x_nchw: Tensor) -> Tensor:
        x_nchw = self.stem(x_nchw)
        for stage in self.stages:
            x_nchw = stage(x_nchw)
        logits: Tensor = self.fc(x_nchw.mean((2, 3)))
        return logits

    def _initialize(self, *, zero_gamma: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                he_normal(module.weight)
            elif zero_gamma and isinstance(module, Bottleneck):
                zero_last_gamma(module.norm3)


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

    Shape:
        (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self, inputs: int, width: int, outputs: int, *, stride: int, stage: int, norm: NormFactory, shortcut: nn.Module
    ) -> None:
        super().__init__()
        self.conv1 = conv(inputs, width, 1)
        self.norm1 = norm(width, slot=Slot.FIRST, stage=stage)
        self.conv2 = conv(width, width, 3, stride=stride)
        self.norm2 = norm(width, slot=Slot.SECOND, stage=stage)
        self.conv3 = conv(width, outputs, 1)
        self.norm3 = norm(outputs, slot=Slot.THIRD, stage=stage)
        self.shortcut = shortcut

    def forward(self, x_nchw: Tensor) -> Tensor:
        y_nchw = F.relu(self.norm1(self.conv1(x_nchw)), inplace=True)
        y_nchw = F.relu(self.norm2(self.conv2(y_nchw)), inplace=True)
        y_nchw = self.norm3(self.conv3(y_nchw))
        return torch.relu_(y_nchw + self.shortcut(x_nchw))


def make_stem(kind: Stem, channels: int, width: int, norm: NormFactory) -> nn.Sequential:
    """Build the layers before stage 1.

    conv7x7: 7x7/2, norm, ReLU, max pool 3x3/2. deep3x3: three 3x3 (the first /2) to width/2, width/2 and width, max
    pool 2x2/2; the paper's text says two convolutions, the released networks have three. conv3x3: one 3x3/2, no pool.

    Raises:
        ConfigError: a deep stem of odd width.
    """
    match kind:
        case Stem.CONV7X7:
            return nn.Sequential(*_unit(channels, width, 7, 2, norm), nn.MaxPool2d(3, 2, padding=1))
        case Stem.DEEP3X3:
            if width % 2:
                raise ConfigError(
                    f"{width} is odd", where="model.stem_width", now="stem deep3x3 halves it: make it even"
                )
            return nn.Sequential(
                *_unit(channels, width // 2, 3, 2, norm),
                *_unit(width // 2, width // 2, 3, 1, norm),
                *_unit(width // 2, width, 3, 1, norm),
                nn.MaxPool2d(2, 2),
            )
        case Stem.CONV3X3:
            return nn.Sequential(*_unit(channels, width, 3, 2, norm))


def make_shortcut(
    kind: Shortcut, inputs: int, outputs: int, *, stride: int, stage: int, norm: NormFactory
) -> nn.Sequential:
    """Build a projection: 1x1 convolution with the stride, or 2x2 average pool (where there is a stride) before it."""
    pooled = kind is Shortcut.AVERAGE_POOL and stride > 1
    # Odd maps: round up as the 3x3 convolution does, and average only what is there.
    pool = [nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)] if pooled else []
    project = conv(inputs, outputs, 1, stride=1 if pooled else stride)
    return nn.Sequential(*pool, project, norm(outputs, slot=Slot.SHORTCUT, stage=stage))


def conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    """Build a convolution without bias, padded by half its kernel."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


def _unit(inputs: int, outputs: int, kernel: int, stride: int, norm: NormFactory) -> tuple[nn.Module, ...]:
    return (
        conv(inputs, outputs, kernel, stride=stride),
        norm(outputs, slot=Slot.STEM, stage=0),
        nn.ReLU(inplace=True),
    )


def _stages(model: ModelConfig, norm: NormFactory, recipe: RecipeConfig) -> Iterator[nn.Sequential]:
    inputs = model.stem_width
    for stage, (blocks, width) in enumerate(zip(model.blocks, model.widths, strict=True)):
        outputs, stride = width * model.expansion, 1 if stage == 0 else 2
        project = make_shortcut(recipe.shortcut, inputs, outputs, stride=stride, stage=stage, norm=norm)
        first = Bottleneck(inputs, width, outputs, stride=stride, stage=stage, norm=norm, shortcut=project)
        rest = (
            Bottleneck(outputs, width, outputs, stride=1, stage=stage, norm=norm, shortcut=nn.Identity())
            for _ in range(blocks - 1)
        )
        yield nn.Sequential(first, *rest)
        inputs = outputs
