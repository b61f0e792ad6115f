"""Switchable normalization against its equations, and squeeze and excitation against its own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from an_cli.norm import SqueezeExcite, SwitchableNorm2d


@pytest.fixture
def layer() -> SwitchableNorm2d:
    torch.manual_seed(0)
    layer = SwitchableNorm2d(4, eps=1e-5, momentum=0.1).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, 1.0, 0.5)
    layer.batch.running_mean.uniform_(-1, 1)
    layer.batch.running_var.uniform_(0.5, 2)
    return layer


def _x() -> Tensor:
    return torch.randn(3, 4, 5, 6, dtype=torch.float64) * 2 + 1


def _naive(layer: SwitchableNorm2d, x: Tensor) -> Tensor:
    """Means and variances of IN, LN and BN one by one, then mixed."""
    axes = [(2, 3), (1, 2, 3), (0, 2, 3)]
    moments = [torch.var_mean(x, axis, correction=0, keepdim=True) for axis in axes]
    if not layer.training:
        tracked = (layer.batch.running_var, layer.batch.running_mean)
        moments[2] = (tracked[0].view(1, -1, 1, 1), tracked[1].view(1, -1, 1, 1))
    weights = [torch.softmax(w, 0) for w in (layer.var_weight, layer.mean_weight)]
    var, mean = (w[0] * moments[0][i] + w[1] * moments[1][i] + w[2] * moments[2][i] for i, w in enumerate(weights))
    x_hat = (x - mean) / (var + layer.eps).sqrt()
    return x_hat * layer.weight.view(1, -1, 1, 1) + layer.bias.view(1, -1, 1, 1)


@pytest.mark.parametrize("training", [True, False])
def test_it_equals_the_equations_written_one_by_one(layer: SwitchableNorm2d, training: bool) -> None:
    x = _x().requires_grad_()
    leaves = [x, *layer.train(training).parameters()]
    theirs = _naive(layer, x)
    ours = layer(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    upstream = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, leaves, upstream), torch.autograd.grad(theirs, leaves, upstream), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-10)


def test_its_batch_statistics_are_tracked_as_bn_tracks_them(layer: SwitchableNorm2d) -> None:
    bn, x = nn.BatchNorm2d(4).double(), _x()
    fresh = SwitchableNorm2d(4, eps=1e-5, momentum=0.1).double()
    bn(x), fresh(x)
    torch.testing.assert_close(fresh.batch.running_mean, bn.running_mean)
    torch.testing.assert_close(fresh.batch.running_var, bn.running_var)


@pytest.mark.parametrize(("kind", "norm"), [(0, nn.InstanceNorm2d(4)), (1, nn.GroupNorm(1, 4)), (2, nn.BatchNorm2d(4))])
def test_with_all_weight_on_one_standardization_it_is_that_one(kind: int, norm: nn.Module) -> None:
    layer, x = SwitchableNorm2d(4, eps=1e-5, momentum=0.1), _x().float()
    with torch.no_grad():
        for weight in (layer.mean_weight, layer.var_weight):
            weight.copy_(torch.full((3,), -1e4))
            weight[kind] = 0.0
    torch.testing.assert_close(layer(x), norm(x), rtol=1e-4, atol=1e-5)


def test_it_starts_with_equal_weights_and_adds_six_scalars_to_bn() -> None:
    layer = SwitchableNorm2d(16, eps=1e-5, momentum=0.1)
    assert sum(p.numel() for p in layer.parameters()) == 2 * 16 + 6
    assert torch.equal(torch.softmax(layer.mean_weight, 0), torch.full((3,), 1 / 3))
    assert torch.equal(layer.mean_weight, layer.var_weight)


def test_a_half_precision_input_keeps_its_dtype_under_autocast() -> None:
    layer, x = SwitchableNorm2d(4, eps=1e-5, momentum=0.1), _x()
    exact = layer.double().eval()(x)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer.float()(x.bfloat16())
    assert out.dtype is torch.bfloat16
    torch.testing.assert_close(out.double(), exact, rtol=2e-2, atol=2e-2)


def test_squeeze_and_excitation_equals_its_equation() -> None:
    torch.manual_seed(0)
    layer, x = SqueezeExcite(32, 16), torch.randn(2, 32, 3, 3)
    s = x.mean((2, 3))
    hidden = torch.clamp(s @ layer.fc1.weight.T + layer.fc1.bias, min=0)
    gate = 1 / (1 + torch.exp(-(hidden @ layer.fc2.weight.T + layer.fc2.bias)))
    assert layer.fc1.out_features == 2
    torch.testing.assert_close(layer(x), x * gate[:, :, None, None])


def test_squeeze_and_excitation_of_few_channels_keeps_one_hidden_unit() -> None:
    assert SqueezeExcite(8, 16).fc1.out_features == 1
