"""Derivatives of every order and in every way of taking them, against finite differences and autograd's own."""

from __future__ import annotations

import copy
import io
import itertools
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from an_cli.errors import ConfigError
from an_cli.norm import AttentiveNorm2d, convert, every_norm

COMPOSITIONS = [
    {"standardize": standardize, "squeeze": squeeze, "head": head, "gate": gate, "input": source}
    for (standardize, squeeze, head, gate, source) in itertools.chain(
        itertools.product(("bn", "gn"), ("mean", "mean_std", "rsd"), ("a1", "a2"), ("sigmoid",), ("raw",)),
        itertools.product(("bn", "gn"), ("rsd",), ("a2",), ("softmax",), ("raw", "standardized")),
    )
]


def _layer(composition: dict[str, str], *, training: bool = True) -> AttentiveNorm2d:
    torch.manual_seed(0)
    groups = 2 if composition["standardize"] == "gn" else None
    layer = AttentiveNorm2d(4, 3, groups=groups, **composition)  # type: ignore[arg-type]
    return layer.double().train(training)


def _map(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda c: "-".join(c.values()))
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_second_derivatives_equal_finite_differences(composition: dict[str, str], training: bool) -> None:
    layer = _layer(composition, training=training)
    names = [name for name, _ in layer.named_parameters()]

    def output(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
        return out

    inputs = (_map(3, 4, 2, 2).requires_grad_(), *(p.detach().clone().requires_grad_() for p in layer.parameters()))
    assert torch.autograd.gradcheck(output, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(output, inputs, fast_mode=True)


def test_second_derivatives_are_right_in_channels_last_memory() -> None:
    layer = _layer(COMPOSITIONS[0])
    x = _map(3, 4, 3, 3).to(memory_format=torch.channels_last).requires_grad_()
    assert torch.autograd.gradgradcheck(layer, (x,), fast_mode=True)


class _Residual(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.fc = norm, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + torch.tanh(self.norm(self.conv(x)))
        out: Tensor = self.fc(torch.tanh(x).mean((2, 3)))
        return out


def _residual() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    network = _Residual(AttentiveNorm2d(4, 3, gate="sigmoid")).double()
    return network, _map(6, 3, 8, 8), torch.tensor([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("of", ["all", "some"])
def test_a_hessian_vector_product_equals_finite_differences(of: str) -> None:
    network, x, target = _residual()
    chosen = [name for name, _ in network.named_parameters() if of == "all" or name in ("stem.weight", "fc.weight")]
    parameters = dict(network.named_parameters())
    along = [_map(*parameters[name].shape) for name in chosen]

    def gradients(model: nn.Module, *, graph: bool) -> tuple[Tensor, ...]:
        own = dict(model.named_parameters())
        return torch.autograd.grad(cross_entropy(model(x), target), [own[n] for n in chosen], create_graph=graph)

    product = torch.autograd.grad(gradients(network, graph=True), [parameters[n] for n in chosen], along)

    def moved(step: float) -> tuple[Tensor, ...]:
        other = copy.deepcopy(network)
        with torch.no_grad():
            for name, direction in zip(chosen, along, strict=True):
                other.get_parameter(name).add_(direction, alpha=step)
        return gradients(other, graph=False)

    h = 1e-4  # central differences of fourth order: of second order, they err by more than is asked here
    moves = zip(moved(h), moved(-h), moved(2 * h), moved(-2 * h), strict=True)
    expected = [(8 * (up - down) - (far_up - far_down)) / (12 * h) for up, down, far_up, far_down in moves]
    for ours, theirs in zip(product, expected, strict=True):
        assert (ours - theirs).norm() <= 1e-6 * theirs.norm() + 1e-8


def test_a_gradient_penalty_is_that_of_plain_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x, _ = _residual()
    network.eval()

    def penalized(model: nn.Module) -> list[Tensor]:
        z = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(z).sum(), z, create_graph=True)
        slope.norm().backward()  # type: ignore[no-untyped-call]
        return [p.grad for p in model.parameters() if p.grad is not None]

    ours = penalized(network)
    network.zero_grad()
    monkeypatch.setattr("an_cli.norm.moments._by_plain_operations", lambda: True)
    theirs = penalized(network)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # inside torch.func
def test_functional_derivatives_agree_with_autograd() -> None:
    network, x, target = _residual()
    network.eval()
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def loss(values: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(torch.func.functional_call(network, values, (images,)), labels)

    expected = dict(
        zip(parameters, torch.autograd.grad(cross_entropy(network(x), target), network.parameters()), strict=True)
    )
    ours = torch.func.grad(loss)(parameters, x, target)
    by_sample = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, x[:, None], target[:, None])
    for name, value in expected.items():
        torch.testing.assert_close(ours[name], value)
        torch.testing.assert_close(by_sample[name].mean(0), value)
    direction = _map(*x.shape)
    _, along = torch.func.jvp(lambda z: loss(parameters, z, target), (x,), (direction,))
    slope = torch.func.grad(lambda z: loss(parameters, z, target))(x)
    torch.testing.assert_close(along, (slope * direction).sum())
    small = _map(2, 3, 4, 4)
    hessian = torch.func.hessian(lambda z: loss(parameters, z, target[:2]))(small)
    twice = torch.func.jacrev(torch.func.jacrev(lambda z: loss(parameters, z, target[:2])))(small)
    torch.testing.assert_close(hessian, twice)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("squeeze", ["mean_std", "rsd"])
def test_a_trace_can_be_saved_and_used_at_other_sizes(squeeze: str) -> None:
    layer = _layer({**COMPOSITIONS[0], "squeeze": squeeze}, training=False)
    traced = torch.jit.trace(layer, _map(2, 4, 7, 7), check_trace=False)
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    for side in (1, 2, 9):
        x = _map(3, 4, side, side)
        torch.testing.assert_close(torch.jit.load(file)(x), layer(x))
        file.seek(0)


def _stack(norm: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), norm, nn.ReLU(), nn.Conv2d(8, 8, 1))


def test_update_bn_averages_the_statistics_anew() -> None:
    from torch.optim.swa_utils import AveragedModel, update_bn

    network = _stack(nn.BatchNorm2d(8))
    convert(network, 4, where=every_norm, keep_affine=True)
    network.train()
    averaged = AveragedModel(network)
    for _ in range(3):
        network(torch.randn(8, 3, 16, 16))
        averaged.update_parameters(network)
    batches = [torch.randn(16, 3, 16, 16) * 3 + 5 for _ in range(4)]
    update_bn(batches, averaged)
    with torch.no_grad():
        seen = averaged.module[0](torch.cat(batches))
    standardizer = averaged.module[1].standardizer
    torch.testing.assert_close(standardizer.running_mean, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
    assert int(standardizer.num_batches_tracked) == 4
    assert standardizer.momentum == 0.1


def test_an_empty_batch_in_training_is_named() -> None:
    layer = AttentiveNorm2d(4, 3, head="a1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConfigError, match=r"no value per channel.*empty batch"):
            layer(torch.zeros(0, 4, 3, 3))
