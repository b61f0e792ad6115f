"""Small ResNets: shapes, initial values, one step of training."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from torch import nn

from an_cli.config.schema import (
    AttentionConfig,
    AttentionInput,
    Augment,
    Family,
    Gate,
    Head,
    Interpolation,
    NormConfig,
    Placement,
    Precision,
    RecipeConfig,
    ResNetConfig,
    Shortcut,
    Squeeze,
    Standardize,
    Stem,
)
from an_cli.errors import ConfigError
from an_cli.models import make_model
from an_cli.models.resnet import Bottleneck
from an_cli.norm import AttentiveNorm2d

_SMALL = ResNetConfig(family=Family.RESNET, blocks=(1, 2, 1, 1), widths=(8, 8, 16, 16), expansion=2, stem_width=8)
_RECIPE = RecipeConfig(
    stem=Stem.CONV3X3,
    shortcut=Shortcut.STRIDED,
    zero_gamma=False,
    epochs=2,
    warmup_epochs=0,
    lr=0.1,
    momentum=0.9,
    nesterov=False,
    weight_decay=1e-4,
    weight_decay_on_norm=True,
    label_smoothing=0.0,
    mixup_alpha=0.0,
    augment=Augment.NONE,
    interpolation=Interpolation.BILINEAR,
    replicas=1,
    batch_per_replica=4,
    precision=Precision.FP32,
    loss_scale=None,
    cpu_threads=1,
    deterministic=True,
)
_NORMS = {
    Standardize.BN: NormConfig(
        standardize=Standardize.BN, eps=1e-5, momentum=0.1, groups=None, placement=None, attention=None
    ),
    Standardize.GN: NormConfig(
        standardize=Standardize.GN, eps=1e-5, momentum=None, groups=4, placement=None, attention=None
    ),
}


def _norm(standardize: Standardize, placement: Placement | None) -> NormConfig:
    if placement is None:
        return _NORMS[standardize]
    attention = AttentionConfig(
        squeeze=Squeeze.RSD,
        head=Head.A2 if standardize is Standardize.BN else Head.A1,
        gate=Gate.HSIGMOID,
        components=(2, 2, 3, 3),
        input=AttentionInput.RAW,
        eps=1e-3,
    )
    return dataclasses.replace(_NORMS[standardize], placement=placement, attention=attention)


def _model(
    norm: NormConfig | None = None,
    *,
    stem: Stem = Stem.CONV3X3,
    shortcut: Shortcut = Shortcut.STRIDED,
    zero_gamma: bool = False,
) -> nn.Module:
    torch.manual_seed(0)
    recipe = dataclasses.replace(_RECIPE, stem=stem, shortcut=shortcut, zero_gamma=zero_gamma)
    return make_model(_SMALL, norm or _NORMS[Standardize.BN], recipe, classes=5, channels=3)


@pytest.mark.parametrize(("standardize", "placement"), list(itertools.product(_NORMS, (None, *Placement))))
def test_one_step_reaches_every_parameter(standardize: Standardize, placement: Placement | None) -> None:
    model = _model(_norm(standardize, placement))
    loss = nn.functional.cross_entropy(model(torch.randn(4, 3, 16, 16)), torch.arange(4))
    loss.backward()
    assert bool(loss.isfinite())
    missing = [n for n, p in model.named_parameters() if p.grad is None or not bool(p.grad.isfinite().all())]
    assert missing == []


@pytest.mark.parametrize(("stem", "shortcut", "side"), list(itertools.product(Stem, Shortcut, (28, 33))))
def test_every_stem_and_shortcut_takes_even_and_odd_images(stem: Stem, shortcut: Shortcut, side: int) -> None:
    assert _model(stem=stem, shortcut=shortcut).eval()(torch.randn(2, 3, side, side)).shape == (2, 5)


def test_one_seed_gives_one_network() -> None:
    one, two = _model(_norm(Standardize.BN, Placement.SECOND)), _model(_norm(Standardize.BN, Placement.SECOND))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_zero_gamma_makes_every_residual_branch_silent() -> None:
    blocks = [m for m in _model(zero_gamma=True).modules() if isinstance(m, Bottleneck)]
    assert len(blocks) == 5
    assert all(int(b.norm3.get_parameter("weight").count_nonzero()) == 0 for b in blocks)
    assert all(bool((b.norm1.get_parameter("weight") == 1).all()) for b in blocks)


def test_zero_gamma_never_zeroes_an_attentive_norm() -> None:
    model = _model(_norm(Standardize.BN, Placement.ALL), zero_gamma=True)
    layers = [m for m in model.modules() if isinstance(m, AttentiveNorm2d)]
    assert len(layers) == 1 + 3 * 5 + 4
    assert all(layer.mixture.gamma.mean().item() > 0.8 for layer in layers)


def test_convolutions_start_he_normal_by_fan_out() -> None:
    torch.manual_seed(0)
    wide = dataclasses.replace(_SMALL, widths=(64, 64, 64, 64))
    model = make_model(wide, _NORMS[Standardize.BN], _RECIPE, classes=5, channels=3)
    block = next(m for m in model.modules() if isinstance(m, Bottleneck))
    assert block.conv2.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)


def test_the_stride_sits_in_the_3x3_convolution() -> None:
    first = [m for m in _model().modules() if isinstance(m, Bottleneck)][1]
    assert (first.conv1.stride, first.conv2.stride, first.conv3.stride) == ((1, 1), (2, 2), (1, 1))


def test_average_pool_shortcut_pools_from_stage_2_on() -> None:
    model = _model(shortcut=Shortcut.AVERAGE_POOL)
    stages = list(model.get_submodule("stages").children())
    pools = [sum(isinstance(m, nn.AvgPool2d) for m in stage.modules()) for stage in stages]
    assert pools == [0, 1, 1, 1]


def test_a_deep_stem_of_odd_width_is_refused() -> None:
    recipe = dataclasses.replace(_RECIPE, stem=Stem.DEEP3X3)
    with pytest.raises(ConfigError, match=r"7 is odd.*model\.stem_width"):
        make_model(dataclasses.replace(_SMALL, stem_width=7), _NORMS[Standardize.BN], recipe, classes=5, channels=3)
