"""The paper's Section 3: attentive normalization, and the factory that places it in a network beside its baselines."""

from an_cli.norm.attentive import AttentiveNorm2d
from an_cli.norm.factory import NormFactory, Slot, make_norm, zero_last_gamma
from an_cli.norm.mixture import Mixture

__all__ = ["AttentiveNorm2d", "Mixture", "NormFactory", "Slot", "make_norm", "zero_last_gamma"]
