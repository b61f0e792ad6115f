"""Properties of the layer that hold for any numbers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from an_cli.errors import ConfigError
from an_cli.norm import AttentiveNorm2d

_COMBINATIONS = list(
    itertools.product(
        ("mean", "mean_std", "rsd"),
        ("a1", "a2"),
        ("sigmoid", "softmax", "hsigmoid"),
        ("raw", "standardized"),
        ("bn", "gn"),
    )
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _layer(channels: int = 4, components: int = 3, **options: Any) -> AttentiveNorm2d:
    if options.get("standardize") == "gn":
        options.setdefault("groups", 2)
    return AttentiveNorm2d(channels, components, **options)


def _naive(layer: AttentiveNorm2d, x: Tensor) -> Tensor:
    """The paper's equations one by one, with PyTorch's own standardization and variance."""
    standardizer = layer.standardizer
    groups = getattr(standardizer, "groups", None)
    if groups is not None:
        x_hat = nn.functional.group_norm(x, groups, eps=standardizer.eps)
    elif layer.training:
        x_hat = nn.functional.batch_norm(x, None, None, training=True, eps=standardizer.eps)
    else:
        x_hat = nn.functional.batch_norm(x, standardizer.running_mean, standardizer.running_var, eps=standardizer.eps)
    seen = x_hat if layer.input == "standardized" else x
    var, mean = torch.var_mean(seen, (2, 3))
    sd = (var + 1e-3).sqrt()
    statistic = {"mean": mean, "mean_std": torch.cat((mean, sd), 1), "rsd": mean / sd}[layer.squeeze]
    weights = layer.attention(statistic)
    gamma, beta = weights @ layer.mixture.gamma, weights @ layer.mixture.beta
    return gamma[:, :, None, None] * x_hat + beta[:, :, None, None]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("squeeze", "head", "gate", "input", "standardize"), _COMBINATIONS)
def test_every_design_equals_the_equations_written_one_by_one(
    squeeze: str, head: str, gate: str, input: str, standardize: str, training: bool
) -> None:
    layer = _layer(squeeze=squeeze, head=head, gate=gate, input=input, standardize=standardize).double().train(training)
    if standardize == "bn":
        layer.standardizer.running_mean.uniform_(-1, 1)
        layer.standardizer.running_var.uniform_(0.5, 2)
    x, upstream = torch.randn(3, 4, 3, 5, dtype=torch.float64) * 2 + 1, torch.randn(3, 4, 3, 5, dtype=torch.float64)
    leaves = [x.requires_grad_(), *layer.parameters()]
    ours, theirs = layer(x), _naive(layer, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    for mine, other in zip(
        torch.autograd.grad(ours, leaves, upstream), torch.autograd.grad(theirs, leaves, upstream), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("squeeze", "head", "gate", "input", "standardize"), _COMBINATIONS)
def test_gradients_equal_finite_differences(squeeze: str, head: str, gate: str, input: str, standardize: str) -> None:
    layer = _layer(2, 2, squeeze=squeeze, head=head, gate=gate, input=input, standardize=standardize).double()
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
        return out

    x = torch.randn(2, 2, 2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


@pytest.mark.parametrize("training", [True, False])
def test_k_one_with_unit_weight_equals_bn(training: bool) -> None:
    layer, bn = _layer(components=1, head="a1", gate="softmax"), nn.BatchNorm2d(4)
    with torch.no_grad():
        bn.weight.copy_(layer.mixture.gamma[0])
        bn.bias.copy_(layer.mixture.beta[0])
    x = torch.randn(5, 4, 6, 6) * 3 + 2
    for _ in range(2):
        torch.testing.assert_close(layer.train(training)(x), bn.train(training)(x))
    torch.testing.assert_close(layer.standardizer.running_mean, bn.running_mean)
    torch.testing.assert_close(layer.standardizer.running_var, bn.running_var)
    assert int(layer.standardizer.num_batches_tracked) == int(bn.num_batches_tracked or 0)


def test_permuting_the_batch_in_evaluation_permutes_the_output() -> None:
    layer, x, order = _layer().eval(), torch.randn(6, 4, 5, 5), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(layer(x[order]), layer(x)[order])


@pytest.mark.parametrize("standardize", ["bn", "gn"])
@pytest.mark.parametrize("squeeze", ["mean", "mean_std", "rsd"])
def test_a_single_pixel_gives_finite_outputs_and_gradients(squeeze: str, standardize: str) -> None:
    layer, x = _layer(squeeze=squeeze, standardize=standardize), torch.randn(4, 4, 1, 1).requires_grad_()
    layer(x).square().sum().backward()
    layer.eval()(x).square().sum().backward()
    assert x.grad is not None
    grads = [p.grad for p in layer.parameters() if p.grad is not None]
    assert len(grads) == len(list(layer.parameters()))
    assert all(bool(t.isfinite().all()) for t in (layer(x), x.grad, *grads))


@pytest.mark.parametrize("squeeze", ["mean", "mean_std", "rsd"])
def test_constant_channels_give_finite_outputs_and_gradients(squeeze: str) -> None:
    layer = _layer(squeeze=squeeze)
    x = torch.randn(4, 4, 3, 3)
    x[:, 0], x[:, 1] = 7.0, 1e-6 * x[:, 1]
    x.requires_grad_()
    out = layer(x)
    out.square().sum().backward()
    assert x.grad is not None
    assert bool(out.isfinite().all() and x.grad.isfinite().all())


def test_a_mean_far_above_the_standard_deviation_keeps_float32_accurate() -> None:
    layer = _layer(8, head="a1")
    x64 = torch.randn(4, 8, 16, 16, dtype=torch.float64) + 1000
    x32 = x64.float()
    ours = layer(x32)
    exact = layer.double()(x32.double())
    # Float32 resolves x itself to 6e-5 standard deviations here; E[x^2] - E[x]^2 would be off by about 0.1.
    torch.testing.assert_close(ours.double(), exact, rtol=1e-3, atol=2e-3)


def test_mean_lambda_starts_at_one_half_with_a2_and_hsigmoid() -> None:
    layer = _layer(64, 10).train()
    weights = layer.attention_weights(torch.randn(256, 64, 4, 4))
    assert weights.mean().item() == pytest.approx(0.5, abs=5e-3)
    assert weights.sum(1).mean().item() == pytest.approx(5.0, abs=0.05)


def test_initial_values_follow_the_paper() -> None:
    layer = _layer(512, 20, head="a2")
    assert layer.mixture.gamma.mean().item() == pytest.approx(1.0, abs=0.01)
    assert layer.mixture.beta.mean().item() == pytest.approx(0.0, abs=0.01)
    assert layer.mixture.gamma.std().item() == pytest.approx(0.1, rel=0.05)
    assert layer.mixture.beta.std().item() == pytest.approx(0.1, rel=0.05)
    head = layer.get_submodule("attention.head")
    assert head.get_parameter("fc.weight").std().item() == pytest.approx((2 / 20) ** 0.5, rel=0.05)
    assert bool((head.get_parameter("bn.weight") == 1).all() and (head.get_parameter("bn.bias") == 0).all())
    assert bool((_layer(head="a1").get_parameter("attention.head.fc.bias") == 0).all())


def test_a_hook_on_the_attention_records_lambda() -> None:
    layer, x, seen = _layer().eval(), torch.randn(3, 4, 5, 5), []
    layer.attention.register_forward_hook(lambda *args: seen.append(args[2]))
    layer(x)
    assert seen[0].shape == (3, 3)
    torch.testing.assert_close(seen[0], layer.attention_weights(x))


def test_attention_weights_in_evaluation_change_no_buffer() -> None:
    layer = _layer().eval()
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    layer.attention_weights(torch.randn(3, 4, 5, 5))
    assert all(torch.equal(buffer, before[name]) for name, buffer in layer.named_buffers())


@pytest.mark.parametrize("standardize", ["bn", "gn"])
def test_autocast_to_bfloat16_keeps_float32_statistics(standardize: str) -> None:
    layer, x = _layer(standardize=standardize), (torch.randn(4, 4, 6, 6) * 2 + 30).bfloat16()
    exact = layer.double()(x.double())
    layer.float()
    seen: list[Tensor] = []
    layer.attention.register_forward_hook(lambda _, s, out: seen.extend((s[0], out)))
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x.requires_grad_())
    out.float().sum().backward()
    assert out.dtype is torch.bfloat16
    assert [t.dtype for t in seen] == [torch.float32, torch.float32]
    assert x.grad is not None
    assert x.grad.dtype is torch.bfloat16
    torch.testing.assert_close(out.double(), exact, rtol=8e-3, atol=8e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_a_module_cast_to_any_float_dtype_trains(dtype: torch.dtype) -> None:
    layer, x = _layer().to(dtype), torch.randn(4, 4, 5, 5).to(dtype).requires_grad_()
    out = layer(x)
    out.sum().backward()
    assert x.grad is not None
    assert out.dtype is x.grad.dtype is dtype
    assert bool(out.isfinite().all())


def test_channels_last_gives_the_same_numbers_and_keeps_its_layout() -> None:
    layer, x = _layer().double(), torch.randn(4, 4, 5, 6, dtype=torch.float64)
    nhwc = x.to(memory_format=torch.channels_last)
    grads = [torch.autograd.grad(layer(t.requires_grad_()).square().sum(), t)[0] for t in (x, nhwc)]
    assert layer(nhwc).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(nhwc), layer(x))
    torch.testing.assert_close(grads[0], grads[1])


def test_frozen_parameters_and_inputs_without_gradient_are_fine() -> None:
    layer, x = _layer(), torch.randn(4, 4, 5, 5)
    layer.mixture.requires_grad_(False)
    layer(x).sum().backward()
    assert layer.mixture.gamma.grad is None
    assert layer.get_parameter("attention.head.fc.weight").grad is not None


def test_an_empty_batch_in_evaluation_gives_an_empty_output() -> None:
    assert _layer().eval()(torch.empty(0, 4, 5, 5)).shape == (0, 4, 5, 5)


def test_a2_refuses_one_sample_in_training_and_says_what_to_do() -> None:
    x = torch.randn(1, 4, 5, 5)
    with pytest.raises(ConfigError, match=r"2 or more samples.*norm\.attention\.head=a1"):
        _layer(head="a2")(x)
    assert _layer(head="a1")(x).shape == x.shape
    assert _layer(head="a2").eval()(x).shape == x.shape


def test_bn_refuses_one_value_per_channel_in_training() -> None:
    with pytest.raises(ConfigError, match="one value per channel"):
        _layer(head="a1")(torch.randn(1, 4, 1, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"squeeze": "men"}, "did you mean mean"),
        ({"gate": "relu"}, "legal: hsigmoid, sigmoid, softmax"),
        ({"components": 0}, "K=0 is below 1"),
        ({"groups": 2}, "groups belongs to gn"),
        ({"standardize": "gn", "groups": 3}, "3 groups do not divide 4"),
    ],
)
def test_impossible_layers_are_refused_with_a_remedy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _layer(**options)


def test_a_wrong_channel_count_is_refused_instead_of_broadcast() -> None:
    with pytest.raises(ValueError, match="expected an input of shape"):
        _layer(4).eval()(torch.randn(2, 1, 3, 3))


def test_its_representation_names_the_design() -> None:
    text = repr(_layer(squeeze="mean_std", gate="softmax", input="standardized"))
    assert all(word in text for word in ("K=3", "mean_std", "standardized", "softmax", "A2", "momentum=0.1"))
