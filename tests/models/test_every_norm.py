"""Every network with every norm: one step of training, and at full width one forward and backward pass."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from an_cli.config import Composer
from an_cli.models import make_model
from an_cli.norm import AttentiveNorm2d, SqueezeExcite, SwitchableNorm2d

_SMALL = ["resnet_small", "mobilenet_small", "aognet_small"]
_FULL = ["resnet50", "resnet101", "mobilenet_v2", "aognet_12m", "aognet_40m"]
_NORMS: dict[str, type[nn.Module]] = {
    "bn": nn.BatchNorm2d,
    "gn": nn.GroupNorm,
    "sn": SwitchableNorm2d,
    "bn_se": SqueezeExcite,
    "an_bn": AttentiveNorm2d,
    "an_gn": AttentiveNorm2d,
}


def _train_once(model: nn.Module, x: torch.Tensor) -> None:
    loss = nn.functional.cross_entropy(model.train()(x), torch.arange(len(x)))
    loss.backward()
    assert bool(loss.isfinite())
    unreached = [n for n, p in model.named_parameters() if p.grad is None or not bool(p.grad.isfinite().all())]
    assert unreached == []


@pytest.mark.parametrize(("model", "norm"), list(itertools.product(_SMALL, _NORMS)))
def test_one_step_of_every_small_network_reaches_every_parameter(model: str, norm: str, composer: Composer) -> None:
    cell = composer.compose([f"model={model}", f"norm={norm}", "recipe=demo", "data=fashion_mnist_small"]).cell
    torch.manual_seed(0)
    network = make_model(cell.model, cell.norm, cell.recipe, classes=10, channels=1)
    assert any(isinstance(module, _NORMS[norm]) for module in network.modules())
    _train_once(network, torch.randn(4, 1, 28, 28))
    assert bool(network.eval()(torch.randn(2, 1, 28, 28)).isfinite().all())


@pytest.mark.parametrize(("model", "norm"), list(itertools.product(_FULL, _NORMS)))
def test_every_network_of_the_paper_composes_with_every_norm(model: str, norm: str, composer: Composer) -> None:
    cell = composer.compose([f"model={model}", f"norm={norm}"]).cell
    with torch.device("meta"):
        network = make_model(cell.model, cell.norm, cell.recipe, classes=1000, channels=3)
    assert any(isinstance(module, _NORMS[norm]) for module in network.modules())


@pytest.mark.parametrize("model", _FULL)
def test_one_forward_and_backward_pass_at_full_width(model: str, composer: Composer) -> None:
    cell = composer.compose([f"model={model}"]).cell
    torch.manual_seed(0)
    network = make_model(cell.model, cell.norm, cell.recipe, classes=1000, channels=3)
    _train_once(network, torch.randn(2, 3, 64, 64))
