"""ResNet with bottlenecks (He et al., 2016), with the stride in the 3x3 convolution.

Convolutions have no bias; a shortcut's norm stands in the slot shortcut.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from an_cli.config.schema import RecipeConfig, ResNetConfig, Shortcut
from an_cli.errors import ConfigError
from an_cli.models.bottleneck import Bottleneck, draw_convolutions, silence_branches
from an_cli.models.stem import conv, make_stem
from an_cli.norm import NormFactory, Slot


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
        self, model: ResNetConfig, norm: NormFactory, recipe: RecipeConfig, *, classes: int, channels: int
    ) -> None:
        super().__init__()
        self.stem = make_stem(recipe.stem, channels, model.stem_width, norm)
        self.stages = nn.ModuleList(_stages(model, norm, recipe))
        self.fc = nn.Linear(model.widths[-1] * model.expansion, classes)
        draw_convolutions(self)
        if recipe.zero_gamma:
            silence_branches(self)

    def forward(self, x_nchw: Tensor) -> Tensor:
        x_nchw = self.stem(x_nchw)
        for stage in self.stages:
            x_nchw = stage(x_nchw)
        logits: Tensor = self.fc(x_nchw.mean((2, 3)))
        return logits


def make_shortcut(
    kind: Shortcut, inputs: int, outputs: int, *, stride: int, stage: int, norm: NormFactory
) -> nn.Sequential:
    """Build a projection: 1x1 convolution with the stride, or 2x2 average pool (where there is a stride) before it."""
    pooled = kind is Shortcut.AVERAGE_POOL and stride > 1
    # Odd maps: round up as the 3x3 convolution does, and average only what is there.
    pool = [nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)] if pooled else []
    project = conv(inputs, outputs, 1, stride=1 if pooled else stride)
    return nn.Sequential(*pool, project, norm(outputs, slot=Slot.SHORTCUT, stage=stage))


def _stages(model: ResNetConfig, norm: NormFactory, recipe: RecipeConfig) -> Iterator[nn.Sequential]:
    if recipe.shortcut is None:
        raise ConfigError("null, and a ResNet has shortcuts", where="recipe.shortcut", now="average_pool, strided")
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
