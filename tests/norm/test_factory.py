"""Which norm goes where."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from an_cli.config.schema import (
    AttentionConfig,
    AttentionInput,
    Excitation,
    Gate,
    Head,
    NormConfig,
    Placement,
    Squeeze,
    SqueezeExciteConfig,
    Standardize,
)
from an_cli.errors import ConfigError
from an_cli.norm import AttentiveNorm2d, Slot, SqueezeExcite, make_norm, zero_last_gamma

_BN = NormConfig(standardize=Standardize.BN, eps=1e-4, momentum=0.2, groups=None, placement=None, attention=None)
_GN = dataclasses.replace(_BN, standardize=Standardize.GN, momentum=None, groups=32)
_ATTENTION = AttentionConfig(
    squeeze=Squeeze.RSD,
    head=Head.A2,
    gate=Gate.HSIGMOID,
    components=(2, 3),
    input=AttentionInput.RAW,
    eps=1e-2,
)
_SE = dataclasses.replace(
    _BN, placement=Placement.THIRD, attention=SqueezeExciteConfig(head=Excitation.SE, reduction=16)
)
_AN = dataclasses.replace(_BN, placement=Placement.SECOND, attention=_ATTENTION)


@pytest.mark.parametrize(
    ("placement", "attentive"),
    [
        (Placement.SECOND, {Slot.SECOND}),
        (Placement.EVERY_SECOND, {Slot.SECOND, Slot.PART}),
        (Placement.SECOND_AND_STEM, {Slot.SECOND, Slot.STEM}),
        (Placement.THIRD, {Slot.THIRD}),
        (Placement.ALL, set(Slot)),
    ],
)
def test_placement_decides_which_slots_are_attentive(placement: Placement, attentive: set[Slot]) -> None:
    factory = make_norm(dataclasses.replace(_AN, placement=placement), stages=2)
    layers = {slot: factory(8, slot=slot, stage=0) for slot in Slot}
    assert {slot for slot, layer in layers.items() if isinstance(layer, AttentiveNorm2d)} == attentive
    assert all(isinstance(layers[slot], nn.BatchNorm2d) for slot in set(Slot) - attentive)


def test_every_number_of_the_config_reaches_the_attentive_layer() -> None:
    layer = make_norm(_AN, stages=2)(8, slot=Slot.SECOND, stage=1)
    assert isinstance(layer, AttentiveNorm2d)
    bn = layer.get_submodule("attention.head.bn")
    assert (layer.components, layer.squeeze_eps, layer.standardizer.eps) == (3, 1e-2, 1e-4)
    assert (layer.standardizer.momentum, bn.eps, bn.momentum) == (0.2, 1e-4, 0.2)


def test_every_number_of_the_config_reaches_the_plain_layers() -> None:
    bn, gn = (make_norm(config, stages=2)(64, slot=Slot.FIRST, stage=0) for config in (_BN, _GN))
    assert isinstance(bn, nn.BatchNorm2d)
    assert isinstance(gn, nn.GroupNorm)
    assert (bn.eps, bn.momentum, gn.eps, gn.num_groups) == (1e-4, 0.2, 1e-4, 32)


@pytest.mark.parametrize(("channels", "groups"), [(16, 16), (48, 24), (35, 7), (64, 32)])
def test_gn_takes_the_most_groups_that_divide_the_channels(channels: int, groups: int) -> None:
    plain = make_norm(_GN, stages=2)(channels, slot=Slot.FIRST, stage=0)
    attentive = make_norm(dataclasses.replace(_GN, placement=Placement.SECOND, attention=_ATTENTION), stages=2)
    layer = attentive(channels, slot=Slot.SECOND, stage=0)
    assert isinstance(plain, nn.GroupNorm)
    assert plain.num_groups == layer.get_submodule("standardizer").groups == groups


def test_gn_over_a_prime_number_of_channels_takes_one_group() -> None:
    layers = [make_norm(_GN, stages=2)(channels, slot=Slot.FIRST, stage=0) for channels in (31, 37)]
    assert [getattr(layer, "num_groups", None) for layer in layers] == [31, 1]


def test_a2_over_gn_tracks_its_attention_with_momentum_one_tenth() -> None:
    config = dataclasses.replace(_GN, placement=Placement.SECOND, attention=_ATTENTION)
    layer = make_norm(config, stages=2)(8, slot=Slot.SECOND, stage=0)
    assert layer.get_submodule("attention.head.bn").momentum == 0.1


def test_a_k_schedule_of_another_length_than_the_stages_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"2 values \(K\) for 4 stages"):
        make_norm(_AN, stages=4)


def test_squeeze_and_excitation_follows_the_norm_of_its_slot_only() -> None:
    factory = make_norm(_SE, stages=2)
    third, first = (factory(32, slot=slot, stage=0) for slot in (Slot.THIRD, Slot.FIRST))
    assert isinstance(third, nn.Sequential)
    norm, se = third
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(se, SqueezeExcite)
    assert isinstance(first, nn.BatchNorm2d)
    assert sum(p.numel() for p in se.parameters()) == 32 * 2 + 2 + 2 * 32 + 32


def test_attention_over_switchable_norm_is_refused() -> None:
    config = dataclasses.replace(_AN, standardize=Standardize.SN)
    with pytest.raises(ConfigError, match=r"sn under attention.*legal under attention: bn, gn"):
        make_norm(config, stages=2)(8, slot=Slot.SECOND, stage=0)


def test_zero_gamma_silences_plain_norms_and_leaves_attentive_ones() -> None:
    sn, se = dataclasses.replace(_BN, standardize=Standardize.SN), _SE
    norms = [make_norm(config, stages=2)(4, slot=Slot.THIRD, stage=0) for config in (_BN, _GN, sn, se)]
    x = torch.randn(3, 4, 5, 5)
    for plain in norms:
        assert int(plain(x).count_nonzero()) > 0
        zero_last_gamma(plain)
        assert int(plain(x).count_nonzero()) == 0
    attentive = AttentiveNorm2d(4, 2)
    before = attentive.mixture.gamma.clone()
    zero_last_gamma(attentive)
    assert torch.equal(attentive.mixture.gamma, before)
