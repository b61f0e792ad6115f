"""Attentive normalization in other people's networks: torchvision's and timm's."""

from __future__ import annotations

import copy
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from an_cli.errors import ConfigError
from an_cli.norm import (
    AttentiveNorm2d,
    NormSite,
    convert,
    every_norm,
    norm_sites,
    parameter_groups,
    second_of_bottleneck,
)


def _torchvisions(name: str) -> nn.Module:
    import torchvision.models  # not above: collecting the tests would pay for it in every process

    network: nn.Module = getattr(torchvision.models, name)(num_classes=10)
    return network


def _timms(name: str) -> nn.Module:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    network: nn.Module = timm.create_model(name, num_classes=10)
    return network


NETWORKS = {
    "torchvision resnet50": (lambda: _torchvisions("resnet50"), 16, "layer1.0.bn2"),
    "torchvision mobilenet_v2": (lambda: _torchvisions("mobilenet_v2"), 17, "features.1.conv.0.1"),
    "timm efficientnet_b0": (lambda: _timms("efficientnet_b0"), 16, "blocks.0.0.bn1"),
}


def _network(name: str) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = NETWORKS[name][0]()
    return network


def _images(n: int = 4, side: int = 32) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def _small() -> nn.Module:
    """Stem and two bottlenecks."""
    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4)
            self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, eps=1e-4, momentum=0.2)
            self.conv3, self.bn3 = nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
            return x + self.bn3(self.conv3(y))

    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), Block(), Block())
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            nn.init.normal_(tensor)
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_the_second_norm_of_every_bottleneck_becomes_attentive_and_the_network_trains(name: str) -> None:
    network = _network(name)
    done = convert(network, 5)
    _, count, first = NETWORKS[name]
    layers = {n: m for n, m in network.named_modules() if isinstance(m, AttentiveNorm2d)}
    assert len(done.replaced) == len(layers) == count
    assert done.replaced[0].name == first
    assert done.replaced[0].kept == ("running_mean", "running_var", "num_batches_tracked")
    network(_images()).square().mean().backward()
    grads = [p.grad for layer in layers.values() for p in layer.parameters()]
    assert all(grad is not None and bool(grad.isfinite().all()) for grad in grads)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_state_dict_goes_round_and_gives_the_same_bits(name: str) -> None:
    network, other = _network(name), _network(name)
    convert(network, 5)
    convert(other, 5)
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(network.eval()(_images(2)), other.eval()(_images(2)))


@pytest.mark.parametrize("name", NETWORKS)
def test_with_softmax_and_the_old_affine_parameters_the_network_starts_where_it_was(name: str) -> None:
    network = _network(name).eval().double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
    before = network(_images(2).double())
    done = convert(network, 5, keep_affine=True, gate="softmax")
    assert done.replaced[0].kept[-2:] == ("weight", "bias")
    torch.testing.assert_close(network(_images(2).double()), before, rtol=1e-8, atol=1e-8)


def test_with_hsigmoid_the_scale_starts_near_where_it_was_and_not_at_k_halves_of_it() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 64, 1), nn.BatchNorm2d(64))
    x = _images(32)
    before = network(x)
    convert(network, 20, where=every_norm, keep_affine=True)
    ratio = (network(x) / before).mean((1, 2, 3))
    assert ratio.mean().item() == pytest.approx(1, abs=0.02)
    assert ratio.std().item() < 0.2


def test_components_that_start_equal_separate_in_training() -> None:
    network = _small()
    convert(network, 3, keep_affine=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        network(_images(8, 8)).square().mean().backward()
        optimizer.step()
    gamma = network.get_parameter("2.bn2.mixture.gamma")
    assert (gamma - gamma.mean(0)).abs().max() > 1e-4


def test_a_new_layer_takes_over_place_mode_and_statistics() -> None:
    network = _small().double()
    network[2].bn2.eval()
    old = copy.deepcopy(network[2].bn2)
    convert(network, lambda site: 2 * site.channels)
    new, other = network[2].bn2, network[3].bn2
    assert (new.components, new.training, other.training) == (8, False, True)
    assert new.standardizer.eps == 1e-4
    assert new.standardizer.momentum == 0.2
    assert {t.dtype for t in (*new.parameters(), new.standardizer.running_var)} == {torch.float64}
    assert torch.equal(new.standardizer.running_mean, old.running_mean)


def test_norms_are_chosen_by_name_by_class_and_by_a_function() -> None:
    assert [one.name for one in convert(_small(), 2).replaced] == ["2.bn2", "3.bn2"]
    assert [one.name for one in convert(_small(), 2, where="3.*").replaced] == ["3.bn1", "3.bn2", "3.bn3"]
    assert len(convert(_small(), 2, where=nn.BatchNorm2d).replaced) == len(norm_sites(_small())) == 7
    stem: list[NormSite] = [site for site in norm_sites(_small()) if site.name == "1"]
    assert stem[0].before is not None
    assert [one.name for one in convert(_small(), 2, where=lambda site: site.channels == 8).replaced] == [
        "1", "2.bn3", "3.bn3",
    ]  # fmt: skip


def test_a_group_norm_becomes_attentive_over_its_groups_with_head_a1() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GroupNorm(4, 8))
    nn.init.normal_(network[1].weight)
    before = network(_images())
    done = convert(network, 4, where=every_norm, keep_affine=True, gate="softmax")
    assert done.replaced[0].kept == ("weight", "bias")
    assert network[1].standardizer.groups == 4
    assert type(network[1].attention.head).__name__ == "A1"
    torch.testing.assert_close(network(_images()), before, rtol=1e-4, atol=1e-4)


def test_a_norm_that_is_used_twice_stays_one_layer() -> None:
    shared = nn.BatchNorm2d(3)
    network = nn.Sequential(shared, nn.ReLU(), shared)
    convert(network, 2, where=every_norm)
    assert network[0] is network[2]
    assert isinstance(network[0], AttentiveNorm2d)


def test_the_activation_inside_timms_norm_is_kept() -> None:
    network = _network("timm efficientnet_b0")
    convert(network, 5)
    norm = network.get_submodule("blocks.0.0.bn1")
    assert [type(part).__name__ for part in norm] == ["AttentiveNorm2d", "Identity", "SiLU"]


class _Doing(nn.BatchNorm2d):
    def __init__(self) -> None:
        super().__init__(3)
        self.extra = nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("network", "where", "message"),
    [
        (nn.Sequential(nn.Linear(3, 3)), every_norm, "has no BatchNorm2d or GroupNorm"),
        (nn.Sequential(nn.BatchNorm2d(3)), "bn*", r"none of 1 norms was chosen \(0\)"),
        (nn.Sequential(nn.BatchNorm2d(3, momentum=None)), every_norm, "momentum=0.1"),
        (nn.Sequential(nn.BatchNorm2d(3), _Doing()), every_norm, "it holds extra"),
    ],
)
def test_what_cannot_be_converted_is_named_and_the_network_is_as_it_was(
    network: nn.Module, where: str, message: str
) -> None:
    before = list(network.modules())
    with pytest.raises(ConfigError, match=message):
        convert(network, 2, where=where)
    assert list(network.modules()) == before


class _Scaled(nn.BatchNorm2d):
    """Does more than normalize, in a forward pass and with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__(3)
        self.scale = nn.Parameter(torch.full((1, 3, 1, 1), 2.0))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class _Doubled(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class _Counted(nn.GroupNorm):
    def __init__(self) -> None:
        super().__init__(1, 3)
        self.register_buffer("calls", torch.zeros(()))


def _patched() -> nn.Module:
    norm = nn.BatchNorm2d(3)
    norm.forward = lambda x: x  # type: ignore[method-assign]
    return norm


@pytest.mark.parametrize(
    ("norm", "message"),
    [
        (_Scaled(), "_Scaled does more than normalize: it holds scale"),
        (_Doubled(3), "_Doubled does more than normalize: it has a forward pass of its own"),
        (_Counted(), "it holds calls"),
        (_patched(), "it has a forward pass of its own"),
        (torch.nn.utils.parametrizations.weight_norm(nn.BatchNorm2d(3), dim=None), "does more than normalize"),
    ],
    ids=["parameter", "forward", "buffer", "patched", "parametrized"],
)
def test_a_norm_that_does_more_is_refused_and_not_lost(norm: nn.Module, message: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), norm)
    with pytest.raises(ConfigError, match=message):
        convert(network, 2, where=every_norm)
    assert network[1] is norm


def test_norms_without_a_counterpart_are_counted_and_named() -> None:
    from torchvision.ops import FrozenBatchNorm2d

    network = nn.Sequential(FrozenBatchNorm2d(3), nn.InstanceNorm2d(3), FrozenBatchNorm2d(3))
    with pytest.raises(ConfigError, match=r"2 FrozenBatchNorm2d \(0, 2\); 1 InstanceNorm2d \(1\): make them"):
        convert(network, 2, where="*.bn2")


def test_what_was_frozen_stays_frozen_and_hooks_stay_with_their_handles() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3).eval().requires_grad_(False), nn.BatchNorm2d(3))
    calls: list[str] = []
    handle = network[1].register_forward_hook(lambda module, args, out: calls.append(type(module).__name__))
    convert(network, 2, where=every_norm)
    assert not any(parameter.requires_grad for parameter in network[1].parameters())
    assert all(parameter.requires_grad for parameter in network[2].parameters())
    assert not network[1].standardizer.training
    network(_images(4, 4))
    handle.remove()
    network(_images(4, 4))
    assert calls == ["AttentiveNorm2d"]


@pytest.mark.parametrize("components", [np.int64(3), torch.tensor(3), lambda site: np.int32(3)])
def test_k_may_be_any_whole_number(components: object) -> None:
    network = nn.Sequential(nn.BatchNorm2d(3))
    assert convert(network, components, where=every_norm).replaced[0].components == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("components", [True, 2.0, "3", None])
def test_k_is_a_whole_number_or_refused(components: object) -> None:
    with pytest.raises(ConfigError, match="is not a whole number"):
        convert(nn.Sequential(nn.BatchNorm2d(3)), components, where=every_norm)  # type: ignore[arg-type]


def test_it_runs_under_autocast() -> None:
    network = _small()
    convert(network, 2)
    with torch.autocast("cpu", torch.bfloat16):
        out = network(_images(4, 8))
    out.float().sum().backward()
    assert bool(out.isfinite().all())
    assert network.get_parameter("2.bn2.mixture.gamma").grad is not None


def test_the_network_around_it_takes_synchronized_norms() -> None:
    network = _small()
    convert(network, 2)
    before = copy.deepcopy(network).eval()(_images(4, 8))
    synced = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    assert isinstance(synced[2].bn1, nn.SyncBatchNorm)
    assert isinstance(synced[2].bn2, AttentiveNorm2d)
    torch.testing.assert_close(synced.eval()(_images(4, 8)), before)
    assert convert(synced, 2, where=nn.SyncBatchNorm).replaced[0].was == "SyncBatchNorm"


@pytest.mark.filterwarnings("ignore")  # jit.trace is deprecated, and documented for those who need it
def test_the_docs_snippets_run(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "any-network.md").read_text(encoding="utf-8")
    known: dict[str, object] = {}
    for snippet in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(snippet, known)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] in text
    assert printed[-1] in text
    assert len(printed) == 17


# Deprecations inside PyTorch's own tracers are not ours.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.slow
class TestTracing:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_it_exports(self, name: str) -> None:
        """In float64: an exported network runs composed, and kernels round otherwise."""
        network, images = _network(name).eval().double(), _images(2).double()
        convert(network, 5)
        program = torch.export.export(network, (images,))
        torch.testing.assert_close(program.module()(images), network(images), rtol=1e-9, atol=1e-9)

    def test_it_compiles_to_one_graph(self) -> None:
        network = _small()
        convert(network, 2)
        compiled = torch.compile(copy.deepcopy(network), backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(_images(4, 8)), network(_images(4, 8)))

    def test_it_exports_to_onnx_with_the_same_outputs(self, tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx", reason="onnx is not installed")
        pytest.importorskip("onnxscript", reason="onnxscript, which torch.onnx.export needs, is not installed")
        from onnx.reference import ReferenceEvaluator

        network = _small().eval()
        convert(network, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(network, (_images(2, 8),), tmp_path / "network.onnx", verbose=False)
        session = ReferenceEvaluator(onnx.load(tmp_path / "network.onnx"))
        out = session.run(None, {session.input_names[0]: _images(2, 8).numpy()})[0]
        torch.testing.assert_close(torch.from_numpy(out), network(_images(2, 8)), rtol=1e-4, atol=1e-5)


def _rule_chooses(network: nn.Module) -> list[str]:
    return [site.name for site in norm_sites(network) if second_of_bottleneck(site)]


class _Parallel(nn.Module):
    """A spatial and a pointwise branch side by side, then a pointwise convolution: registered as a bottleneck's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn1(self.conv1(x)) + self.bn2(self.conv2(x)))


class _Excited(nn.Module):
    """A basic block with squeeze-and-excitation, whose 1x1 convolutions see means alone."""

    def __init__(self, *, gate_before_pointwise: bool = False) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.down, self.up = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1)
        self.last = nn.Conv2d(4, 4, 1) if gate_before_pointwise else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn(self.conv(x)))
        y = y * torch.sigmoid(self.up(torch.relu(self.down(y.mean((2, 3), keepdim=True)))))
        return x + self.last(y)  # type: ignore[no-any-return]


class _Split(nn.Module):
    """Depthwise convolutions of two sizes beside each other, one norm, and a pointwise convolution for each half."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 5, padding=2)
        self.bn = nn.BatchNorm2d(4)
        self.c, self.d = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one, two = x.chunk(2, 1)
        one, two = torch.nn.functional.silu(self.bn(torch.cat([self.a(one), self.b(two)], 1))).chunk(2, 1)
        return torch.cat([self.c(one), self.d(two)], 1)


class _Attended(nn.Module):
    """Global context: a pointwise convolution sees the norm's output at every pixel, only to scale it."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.conv, self.bn, self.attend, self.last = (
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 1, 1),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn(self.conv(x))
        weight_np1 = self.attend(y).flatten(2).softmax(2).transpose(1, 2)
        context = (y.flatten(2) @ weight_np1).unsqueeze(-1)
        return x + self.last(y * context.sigmoid())  # type: ignore[no-any-return]


class _Modulated(nn.Module):
    """Two branches are multiplied before the pointwise convolution: neither norm alone decides what goes in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.last = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.bn1(self.conv1(x)) * torch.sigmoid(self.bn2(self.conv2(x))))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("block", "chosen"),
    [
        (_Parallel, []),
        (_Excited, []),
        (lambda: _Excited(gate_before_pointwise=True), ["1.bn"]),
        (_Split, ["1.bn"]),
        (lambda: _Attended(nn.Identity()), []),
        (lambda: _Attended(nn.Conv2d(4, 4, 1)), ["1.bn"]),
        (_Modulated, []),
    ],
    ids=[
        "parallel branches",
        "basic block with SE",
        "inverted residual with SE",
        "mixed kernels",
        "basic block with context",
        "bottleneck with context",
        "multiplied branches",
    ],
)
def test_the_rule_is_decided_by_what_feeds_what(block: Callable[[], nn.Module], chosen: list[str]) -> None:
    assert _rule_chooses(nn.Sequential(nn.Conv2d(3, 4, 1), block(), nn.Conv2d(4, 4, 1))) == chosen


def test_a_refusal_says_why_and_a_conversion_how_many_of_all() -> None:
    class Plain(nn.Sequential):
        pass

    basic = Plain(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    with pytest.raises(ConfigError, match=r"2 norms .*: 1 feeding a spatial convolution; 1 feeding no"):
        convert(nn.Sequential(basic), 2)
    network = _small()
    total = len(norm_sites(network))
    assert str(convert(network, 2)).splitlines()[-1] == f"2 of {total} norms are attentive now"


@pytest.mark.filterwarnings("ignore")  # lazy layers are a feature under development, and weight_norm's old form is old
def test_a_network_without_sizes_or_copies_is_refused_or_converted_by_name() -> None:
    with pytest.raises(ConfigError, match=r"2 layers have no size yet \(0, 1\)"):
        convert(nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d()), 2, where=every_norm)
    network = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4))
    network(_images(2, 8))
    assert [one.name for one in convert(network, 2, where="1").replaced] == ["1"]


def test_a_network_is_neither_run_nor_changed_by_looking_at_it() -> None:
    network = _small()
    called: list[int] = []
    network.register_forward_hook(lambda *given: called.append(1))
    before = copy.deepcopy(network.state_dict())
    assert norm_sites(network)
    assert not called
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_that_takes_no_image_is_called_with_the_example_given() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = _small()

        def forward(self, x: Tensor, scale: Tensor) -> Tensor:
            return self.inside(x * scale[:, None, None, None])  # type: ignore[no-any-return]

    alone = _rule_chooses(Two())
    given = [site.name for site in norm_sites(Two(), (_images(2, 8), torch.ones(2))) if second_of_bottleneck(site)]
    assert given == alone == ["inside.2.bn2", "inside.3.bn2"]


def test_a_former_batchnorm1d_is_refused() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SyncBatchNorm(4), nn.Flatten(), nn.LazyLinear(5), nn.SyncBatchNorm(5)
    )
    network(_images(2, 8)) if not torch.cuda.is_available() and not network.training else network.eval()(_images(2, 8))
    with pytest.raises(ConfigError, match="input of 2 dimensions"):
        convert(network, 2, where=nn.SyncBatchNorm, example=_images(2, 8))


def test_dynamic_quantization_leaves_the_outputs_near() -> None:
    network = _small()
    convert(network, 2)
    network.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)
    torch.testing.assert_close(quantized(_images()), network(_images()), atol=0.05, rtol=0.05)


def test_weight_decay_spares_the_mixture_as_every_norm() -> None:
    network = _small()
    convert(network, 2)
    decayed, spared = parameter_groups(network, weight_decay=0.1)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    assert {names[id(one)] for one in spared["params"] if "mixture" in names[id(one)]} == {
        f"{block}.bn2.mixture.{part}" for block in (2, 3) for part in ("gamma", "beta")
    }
    assert not any("bn" in names[id(one)] and "attention" not in names[id(one)] for one in decayed["params"])
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert len(decayed["params"]) + len(spared["params"]) == len(names)
    biases = [names[id(one)] for one in parameter_groups(network, biases=True)[0]["params"]]
    assert not any(name.endswith("bias") for name in biases)
