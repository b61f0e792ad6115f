"""The paper's Section 3: attentive normalization, and the factory that places it in a network beside its baselines;
`convert` places it in any other network."""

from an_cli.norm.attentive import AttentiveNorm2d
from an_cli.norm.convert import Conversion, Replaced, convert
from an_cli.norm.factory import NormFactory, Slot, make_norm, zero_last_gamma
from an_cli.norm.fused import activated, path_of
from an_cli.norm.groups import parameter_groups
from an_cli.norm.mixture import Mixture
from an_cli.norm.sites import NormSite, every_norm, norm_sites, second_of_bottleneck
from an_cli.norm.squeeze_excite import SqueezeExcite
from an_cli.norm.switchable import SwitchableNorm2d

__all__ = [
    "AttentiveNorm2d",
    "Conversion",
    "Mixture",
    "NormFactory",
    "NormSite",
    "Replaced",
    "Slot",
    "SqueezeExcite",
    "SwitchableNorm2d",
    "activated",
    "convert",
    "every_norm",
    "make_norm",
    "norm_sites",
    "parameter_groups",
    "path_of",
    "second_of_bottleneck",
    "zero_last_gamma",
]
