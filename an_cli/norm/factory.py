"""Which normalization goes where: the seam between a network and its normalization layers (Section 3.4).

A network asks for the norm of a slot and never knows which one it gets; the factory knows the config and no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from torch import nn

from an_cli.config.schema import AttentionConfig, NormConfig, Placement, Standardize
from an_cli.errors import ConfigError
from an_cli.norm.attentive import AttentiveNorm2d

_MOMENTUM = 0.1  # of A2's BN over a GN backbone, whose config has no momentum


class Slot(StrEnum):
    """Where in a network a normalization layer stands; first to third count within a bottleneck."""

    STEM = "stem"
    FIRST = "first"
    SECOND = "second"
    THIRD = "third"
    SHORTCUT = "shortcut"


_ATTENTIVE: dict[Placement, frozenset[Slot]] = {
    Placement.SECOND: frozenset({Slot.SECOND}),
    Placement.SECOND_AND_STEM: frozenset({Slot.SECOND, Slot.STEM}),
    Placement.ALL: frozenset(Slot),
}


@dataclass(frozen=True)
class NormFactory:
    """Makes the normalization layer of a slot; get one from `make_norm`."""

    config: NormConfig

    def __call__(self, channels: int, *, slot: Slot, stage: int) -> nn.Module:
        """Make a layer.

        Args:
            channels: C.
            slot: where it stands.
            stage: from 0; the stem counts as stage 0.

        Returns:
            AttentiveNorm2d where the placement says so, else nn.BatchNorm2d or nn.GroupNorm.

        Raises:
            ConfigError: groups that fit no divisor of the channels.
        """
        config = self.config
        if config.attention is not None and config.placement is not None and slot in _ATTENTIVE[config.placement]:
            return _attentive(config, config.attention, channels, stage)
        if config.standardize is Standardize.BN:
            return nn.BatchNorm2d(channels, eps=config.eps, momentum=config.momentum)
        return nn.GroupNorm(_groups(config, channels) or 1, channels, eps=config.eps)


def make_norm(config: NormConfig, *, stages: int) -> NormFactory:
    """Make the factory of a network's normalization layers.

    Args:
        config: standardization, and attention with its placement or neither.
        stages: number of stages of the network; attention needs one K for each.

    Raises:
        ConfigError: another number of K than of stages.

    Source: Section 3.4; the released placement is `second`, the paper's text adds the stem.
    """
    if config.attention is not None and len(config.attention.components) != stages:
        raise ConfigError(
            f"{len(config.attention.components)} values (K) for {stages} stages: {list(config.attention.components)}",
            where="norm.attention.components",
            now=f"give one K per stage, {stages} in all",
        )
    return NormFactory(config)


def zero_last_gamma(norm: nn.Module) -> None:
    """Set a plain norm's gamma to 0, so that its residual branch starts silent; attentive norms are left as they are.

    Source: Section 4.2 (zero-gamma initialization); the released code never zeroes an attentive norm.
    """
    if isinstance(norm, nn.BatchNorm2d | nn.GroupNorm):
        nn.init.zeros_(norm.weight)


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
    """The most groups, up to the config's, that divide the channels; None for BN."""
    if config.groups is None:
        return None
    most = next((g for g in range(min(config.groups, channels), 1, -1) if channels % g == 0), 1)
    if most == 1 and config.groups > 1:
        raise ConfigError(
            f"no number of groups from 2 to {config.groups} divides {channels} channels",
            where="norm.groups",
            now="choose widths with a common divisor, or norm.groups=1 (layer normalization) on purpose",
        )
    return most
