"""The layers before stage 1, and the unit they are made of: convolution, norm, activation."""

from __future__ import annotations

from torch import nn

from an_cli.config.schema import Stem
from an_cli.errors import ConfigError
from an_cli.norm import NormFactory, Slot


def make_stem(
    kind: Stem | None,
    channels: int,
    width: int,
    norm: NormFactory,
    activation: type[nn.ReLU] | type[nn.ReLU6] = nn.ReLU,
) -> nn.Sequential:
    """Build the layers before stage 1.

    conv7x7: 7x7/2, norm, ReLU, max pool 3x3/2. deep3x3: three 3x3 (the first /2) to width/2, width/2 and width, max
    pool 2x2/2; the paper's text says two convolutions, the released networks have three. conv3x3: one 3x3/2, no pool.

    Raises:
        ConfigError: none, or a deep stem of odd width.
    """

    def unit(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
        normed = norm(outputs, slot=Slot.STEM, stage=0)
        return conv(inputs, outputs, kernel, stride=stride), normed, activation(inplace=True)

    match kind:
        case None:
            raise ConfigError("null, and this network has a stem", where="recipe.stem", now="conv7x7, deep3x3, conv3x3")
        case Stem.CONV7X7:
            return nn.Sequential(*unit(channels, width, 7, 2), nn.MaxPool2d(3, 2, padding=1))
        case Stem.DEEP3X3:
            if width % 2:
                raise ConfigError(
                    f"{width} is odd", where="model.stem_width", now="stem deep3x3 halves it: make it even"
                )
            return nn.Sequential(
                *unit(channels, width // 2, 3, 2),
                *unit(width // 2, width // 2, 3, 1),
                *unit(width // 2, width, 3, 1),
                nn.MaxPool2d(2, 2),
            )
        case Stem.CONV3X3:
            return nn.Sequential(*unit(channels, width, 3, 2))


def conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Build a convolution without bias, padded by half its kernel."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
