"""Which normalization goes where: the seam between a network and its normalization layers (Section 3.4).

A network asks for the norm of a slot and never knows which one it gets; the factory knows the config and no network.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from torch import nn

from an_cli.config.plugins import NORMS, find_plugin
from an_cli.config.schema import (
    AttentionConfig,
    Norm,
    NormConfig,
    Placement,
    PluginNormConfig,
    SqueezeExciteConfig,
    Standardize,
)
from an_cli.errors import ConfigError
from an_cli.norm.attentive import AttentiveNorm2d
from an_cli.norm.squeeze_excite import SqueezeExcite
from an_cli.norm.switchable import SwitchableNorm2d

_MOMENTUM = 0.1  # of A2's BN over a GN backbone, whose config has no momentum


class Slot(StrEnum):
    """Where in a network a normalization layer stands; first to third count within a bottleneck."""

    STEM = "stem"
    FIRST = "first"
    SECOND = "second"
    PART = "part"  # second, in a node of an And-Or graph that sees a part of the channels
    THIRD = "third"
    SHORTCUT = "shortcut"
    OUTPUT = "output"  # after an And-Or graph
    TRANSITION = "transition"  # between stages
    HEAD = "head"  # after the last stage


_ATTENTIVE: dict[Placement, frozenset[Slot]] = {
    Placement.SECOND: frozenset({Slot.SECOND}),
    Placement.EVERY_SECOND: frozenset({Slot.SECOND, Slot.PART}),
    Placement.SECOND_AND_STEM: frozenset({Slot.SECOND, Slot.STEM}),
    Placement.THIRD: frozenset({Slot.THIRD}),
    Placement.ALL: frozenset(Slot),
}


@dataclass(frozen=True)
class NormFactory:
    """Makes the normalization layer of a slot; get one from `make_norm`."""

    config: Norm

    def __call__(self, channels: int, *, slot: Slot, stage: int) -> nn.Module:
        """Make a layer.

        Args:
            channels: C.
            slot: where it stands.
            stage: from 0; the stem counts as stage 0.

        Returns:
            AttentiveNorm2d where the placement says so, else nn.BatchNorm2d, nn.GroupNorm or SwitchableNorm2d, followed
            by SqueezeExcite where the placement says so. A norm of the user's own is asked for in every slot.
        """
        config = self.config
        if isinstance(config, PluginNormConfig):
            return _own(config, channels, slot, stage)
        here = config.placement is not None and slot in _ATTENTIVE[config.placement]
        match config.attention if here else None:
            case AttentionConfig() as attention:
                return _attentive(config, attention, channels, stage)
            case SqueezeExciteConfig() as excite:
                parts = OrderedDict(norm=_plain(config, channels), se=SqueezeExcite(channels, excite.reduction))
                return nn.Sequential(parts)
            case None:
                return _plain(config, channels)


def _own(config: PluginNormConfig, channels: int, slot: Slot, stage: int) -> nn.Module:
    make = find_plugin(NORMS, config.entry_point, "norm").load(config.parameters)
    norm = make(channels, slot=str(slot), stage=stage)
    if not isinstance(norm, nn.Module):
        raise ConfigError(
            f"entry point {config.entry_point!r} gave a {type(norm).__name__} for slot {slot}",
            where="norm.entry_point",
            now="it must return a torch.nn.Module",
        )
    return norm


def _plain(config: NormConfig, channels: int) -> nn.Module:
    momentum = _MOMENTUM if config.momentum is None else config.momentum
    match config.standardize:
        case Standardize.BN:
            return nn.BatchNorm2d(channels, eps=config.eps, momentum=momentum)
        case Standardize.GN:
            return nn.GroupNorm(_groups(config, channels) or 1, channels, eps=config.eps)
        case Standardize.SN:
            return SwitchableNorm2d(channels, eps=config.eps, momentum=momentum)


def make_norm(config: Norm, *, stages: int) -> NormFactory:
    """Make the factory of a network's normalization layers.

    Args:
        config: standardization, and attention with its placement or neither.
        stages: number of stages of the network; attention needs one K for each.

    Raises:
        ConfigError: another number of K than of stages.

    Source: Section 3.4; the released placement is `second`, the paper's text adds the stem.
    """
    attention = config.attention if isinstance(config, NormConfig) else None
    if isinstance(attention, AttentionConfig) and len(attention.components) != stages:
        raise ConfigError(
            f"{len(attention.components)} values (K) for {stages} stages: {list(attention.components)}",
            where="norm.attention.components",
            now=f"give one K per stage, {stages} in all",
        )
    return NormFactory(config)


def zero_last_gamma(norm: nn.Module) -> None:
    """Set a plain norm's gamma to 0, so that its residual branch starts silent; attentive norms are left as they are.

    Source: Section 4.2 (zero-gamma initialization); the released code never zeroes an attentive norm.
    """
    plain = norm.norm if isinstance(norm, nn.Sequential) else norm  # SE follows a plain norm
    if isinstance(plain, nn.BatchNorm2d | nn.GroupNorm | SwitchableNorm2d):
        nn.init.zeros_(plain.weight)


def _attentive(config: NormConfig, attention: AttentionConfig, channels: int, stage: int) -> AttentiveNorm2d:
    return AttentiveNorm2d(
        channels,
        attention.components[stage],
        standardize=config.standardize,
        squeeze=attention.squeeze,
        head=attention.head,
        gate=attention.gate,
        input=attention.input,
        groups=_groups(config, channels),
        eps=config.eps,
        momentum=_MOMENTUM if config.momentum is None else config.momentum,
        squeeze_eps=attention.eps,
    )


def _groups(config: NormConfig, channels: int) -> int | None:
    """The most groups, up to the config's, that divide the channels; None for BN.

    For a prime number of channels above the config's groups that is 1, layer normalization: AOGNets have such layers
    (37, 47, 103, 149 or 263 channels), and between one group and one channel a group there is nothing for them.
    """
    if config.groups is None:
        return None
    return next(g for g in range(min(config.groups, channels), 0, -1) if channels % g == 0)
