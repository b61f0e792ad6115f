"""MobileNet-v2: what the counts cannot see."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from an_cli.config import Composer
from an_cli.models import make_model
from an_cli.models.mobilenet_v2 import InvertedResidual
from an_cli.norm import AttentiveNorm2d


def _small(composer: Composer, *overrides: str) -> nn.Module:
    words = ["model=mobilenet_small", "recipe=demo", "data=fashion_mnist_small", *overrides]
    cell = composer.compose(words).cell
    torch.manual_seed(0)
    return make_model(cell.model, cell.norm, cell.recipe, classes=10, channels=1)


def _blocks(model: nn.Module) -> list[InvertedResidual]:
    return [module for module in model.modules() if isinstance(module, InvertedResidual)]


def test_attention_follows_every_depthwise_convolution_with_its_groups_k(composer: Composer) -> None:
    model = _small(composer)
    layers = [block.norm2 for block in _blocks(model)]
    assert all(isinstance(layer, AttentiveNorm2d) for layer in layers)
    assert [getattr(layer, "components", None) for layer in layers] == [5, 5, 5, 5, 5, 5, 10, 10, 10]
    assert sum(isinstance(module, AttentiveNorm2d) for module in model.modules()) == len(layers)


def test_a_block_has_a_shortcut_where_stride_and_channels_allow_it(composer: Composer) -> None:
    shortcuts = [block.residual for block in _blocks(_small(composer))]
    assert shortcuts == [False, False, False, True, False, True, True, False, False]


def test_zero_gamma_silences_blocks_with_a_shortcut_and_no_other(composer: Composer) -> None:
    for block in _blocks(_small(composer, "recipe.zero_gamma=true")):
        assert bool((block.norm3.get_parameter("weight") == 0).all()) is block.residual


def test_a_shortcut_adds_the_input_to_a_linear_branch(composer: Composer) -> None:
    block = next(block for block in _blocks(_small(composer, "recipe.zero_gamma=true")) if block.residual)
    x = torch.randn(2, block.conv3.out_channels, 5, 5)
    assert torch.equal(block(x), x)


def test_the_classifier_starts_small_and_drops_features_in_training(composer: Composer) -> None:
    model = _small(composer)
    assert model.get_parameter("fc.weight").std().item() == pytest.approx(0.01, rel=0.1)
    assert int(model.get_parameter("fc.bias").count_nonzero()) == 0
    taken: list[torch.Tensor] = []
    model.get_submodule("head").register_forward_hook(lambda _m, _i, out: torch.full_like(out, 1.0))
    model.get_submodule("fc").register_forward_pre_hook(lambda _m, inputs: taken.append(inputs[0]))
    model(torch.randn(4, 1, 28, 28))
    assert 0.7 < (taken[0] > 0).float().mean().item() < 0.9
    model.eval()(torch.randn(4, 1, 28, 28))
    assert bool((taken[1] == 1).all())
