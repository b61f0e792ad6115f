"""The paper's Section 3: attentive normalization, and the factory that places it in a network beside its baselines."""

from an_cli.norm.attentive import AttentiveNorm2d
from an_cli.norm.factory import NormFactory, Slot, make_norm, zero_last_gamma
from an_cli.norm.mixture import Mixture
from an_cli.norm.squeeze_excite import SqueezeExcite
from an_cli.norm.switchable import SwitchableNorm2d

__all__ = [
    "AttentiveNorm2d",
    "Mixture",
    "NormFactory",
    "Slot",
    "SqueezeExcite",
    "SwitchableNorm2d",
    "make_norm",
    "zero_last_gamma",
]
