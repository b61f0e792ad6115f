"""The compiled kernels against the formula: every composition, layout, activation and kind of number."""

from __future__ import annotations

import copy
import itertools
import math
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from an_cli.norm import AttentiveNorm2d, activated, path_of
from an_cli.norm.fused import ready, runs_fused

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(
    not ready(torch.float32), reason="no kernels for this processor: every path here is the composed one"
)
COMPOSITIONS = list(
    itertools.product(("bn", "gn"), ("mean", "mean_std", "rsd"), ("a1", "a2"), ("raw", "standardized"), (True, False))
)
SHAPES = ((5, 12, 7, 7), (4, 48, 3, 5), (3, 34, 11, 4))
LAYOUTS = {"rows": torch.contiguous_format, "columns": torch.channels_last}


def _layer(channels: int, *, standardize: str = "bn", training: bool = True, **options: Any) -> AttentiveNorm2d:
    torch.manual_seed(0)
    layer = AttentiveNorm2d(channels, 5, standardize=standardize, groups=2 if standardize == "gn" else None, **options)
    for name, buffer in layer.named_buffers():
        if not name.endswith("tracked"):
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    for name, parameter in layer.named_parameters():
        if "bn" in name:
            nn.init.normal_(parameter, 1.0, 0.3)
    return layer.train(training)


def _composed(layer: AttentiveNorm2d) -> AttentiveNorm2d:
    """The same layer with a hook that does nothing, which makes it run its parts one by one."""
    other = copy.deepcopy(layer)
    other.attention.register_forward_hook(lambda *_: None)
    return other


def _all(layer: AttentiveNorm2d, x: Tensor, highest: float = 0.0) -> list[Tensor]:
    """Output, every gradient and every buffer of one call."""
    x = x.detach().requires_grad_()
    out = layer(x, highest)
    upstream = torch.linspace(-1, 2, out.numel(), dtype=torch.float64).view_as(out).to(out.dtype)
    grads = torch.autograd.grad(out, [x, *layer.parameters()], upstream)
    return [out, *grads, *layer.buffers()]


@pytest.mark.parametrize("gate", ["sigmoid", "softmax", "hsigmoid"])
@pytest.mark.parametrize(("standardize", "squeeze", "head", "source", "training"), COMPOSITIONS)
def test_kernels_and_composition_agree_in_double_precision(
    standardize: str, squeeze: str, head: str, source: str, training: bool, gate: str
) -> None:
    options: dict[str, Any] = {"standardize": standardize, "squeeze": squeeze, "head": head, "gate": gate}
    cases = zip(SHAPES, (*LAYOUTS.values(), torch.channels_last), (0.0, math.inf, 6.0), strict=True)
    for shape, memory, highest in cases:
        layer = _layer(shape[1], training=training, input=source, **options).double()
        x = (torch.randn(shape, dtype=torch.float64) * 2 + 1).to(memory_format=memory)
        assert runs_fused(layer, x)
        assert not runs_fused(_composed(layer), x)
        ours, theirs = _all(layer, x, highest), _all(_composed_before(layer), x, highest)
        assert ours[0].is_contiguous(memory_format=memory)
        assert ours[1].is_contiguous(memory_format=memory)
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


def _composed_before(layer: AttentiveNorm2d) -> AttentiveNorm2d:
    """The composed layer as this one was before its call: its buffers are made anew, from the same seed."""
    fresh = _composed(layer)
    torch.manual_seed(0)
    fresh.load_state_dict(_like(layer).state_dict())
    return fresh


def _like(layer: AttentiveNorm2d) -> AttentiveNorm2d:
    gate, head = layer.attention.gate, layer.attention.head
    return _layer(
        layer.channels,
        standardize="bn" if hasattr(layer.standardizer, "running_mean") else "gn",
        training=layer.training,
        squeeze=layer.squeeze,
        head=type(head).__name__.lower(),
        gate=gate.kind,  # type: ignore[union-attr,arg-type]
        input=layer.input,
    ).double()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("standardize", ["bn", "gn"])
def test_the_number_of_threads_changes_no_bit(layout: str, standardize: str) -> None:
    x = torch.randn(16, 96, 9, 7).to(memory_format=LAYOUTS[layout])
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            results.append(_all(_layer(96, standardize=standardize), x, math.inf))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(results[0] * 2, results[1] + results[2], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precisions_err_no_more_than_batch_norm_does(dtype: torch.dtype, layout: str) -> None:
    x = (torch.randn(8, 16, 12, 12) * 3 + 40).to(dtype).to(memory_format=LAYOUTS[layout])
    bn, layer = nn.BatchNorm2d(16), _layer(16)
    exact_bn, exact = copy.deepcopy(bn).double()(x.double()), copy.deepcopy(_composed(layer)).double()(x.double())
    assert runs_fused(layer, x)
    ours, theirs = layer(x), bn(x)
    assert ours.dtype is dtype
    assert _relative_error(ours, exact) <= 1.05 * _relative_error(theirs, exact_bn)


def _relative_error(ours: Tensor, exact: Tensor) -> float:
    """Root mean square, of what is not near zero."""
    large = exact.abs() > 0.5
    return float(((ours.detach().double() - exact.detach())[large] / exact.detach()[large]).square().mean().sqrt())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_mean_of_ten_thousand_costs_no_digits(dtype: torch.dtype, layout: str) -> None:
    x = (torch.randn(4, 8, 40, 40) * (1 if dtype is torch.float32 else 30) + 1e4).to(dtype)
    x = x.to(memory_format=LAYOUTS[layout])
    layer = _layer(8, squeeze="mean", input="standardized")
    exact = copy.deepcopy(_composed(layer)).double()(x.double())
    resolution = torch.finfo(torch.float32).eps * 1e4 * 5  # of the mean, times the scale's K / 2
    tolerance = max(resolution, 4 * torch.finfo(dtype).eps)
    torch.testing.assert_close(layer(x).double(), exact, rtol=tolerance, atol=tolerance * 2)


def test_what_is_kept_for_the_backward_pass_is_the_map_and_numbers_per_channel() -> None:
    n, c, side, k = 8, 32, 28, 5
    x, kept = torch.randn(n, c, side, side).requires_grad_(), dict[int, int]()

    def pack(t: Tensor) -> Tensor:
        kept[t.data_ptr()] = t.numel()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        _layer(c)(x, math.inf)
    assert sum(kept.values()) <= x.numel() + 5 * n * c + 4 * n * k + 10 * k * c + 20 * c


def test_a_fused_activation_is_the_one_that_follows() -> None:
    x = torch.randn(4, 8, 6, 6)
    for highest, activation in ((math.inf, nn.ReLU()), (6.0, nn.ReLU6())):
        layer, bn = _layer(8), nn.BatchNorm2d(8)
        torch.testing.assert_close(activated(layer, x, highest), activation(copy.deepcopy(layer)(x)))
        assert torch.equal(activated(bn, x, highest), activation(copy.deepcopy(bn)(x)))
        seen: list[Tensor] = []
        layer.register_forward_hook(lambda _, __, out, seen=seen: seen.append(out.clone()))
        activated(layer, x, highest)
        assert float(seen[0].detach().min()) < 0, (
            "a hook on the layer sees what the layer puts out, before the activation"
        )


def test_checkpointing_counting_and_dispatch_take_the_operator() -> None:
    layer, x = _layer(8, head="a1").eval(), torch.randn(4, 8, 6, 6).requires_grad_()
    expected = torch.autograd.grad(layer(x).square().sum(), x)[0]
    through = torch.autograd.grad(checkpoint(layer, x, use_reentrant=False).square().sum(), x)[0]
    assert torch.equal(through, expected)
    with FlopCounterMode(display=False):
        counted = layer(x)
    assert torch.equal(counted, layer(x))


def test_frozen_parts_keep_their_statistics() -> None:
    layer, x = _layer(8), torch.randn(4, 8, 6, 6)
    layer.standardizer.eval()
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    layer(x)
    moved = {name for name, buffer in layer.named_buffers() if not torch.equal(buffer, before[name])}
    assert moved == {f"attention.head.bn.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}


def test_a_child_process_computes_the_same_bits() -> None:
    layer, x = _layer(8).eval(), torch.randn(4, 8, 6, 6)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        expected = layer(x)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if torch.equal(layer(x), expected) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        torch.set_num_threads(before)


def test_the_path_is_named_and_can_be_switched_off() -> None:
    assert path_of(CPU, torch.float32).startswith("fused (")
    assert path_of(torch.device("cuda"), torch.float32) == "composed"
    assert path_of(CPU, torch.int32) == "composed"
    code = "import torch; from an_cli.norm import path_of; print(path_of(torch.device('cpu'), torch.float32))"
    environment = {**os.environ, "AN_CLI_KERNELS": "off"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "composed\n"
    assert "switched off by AN_CLI_KERNELS=off" in done.stderr


def test_a_subclass_and_a_layer_elsewhere_run_as_they_are() -> None:
    class Doubled(AttentiveNorm2d):
        def _composed(self, x_nchw: Tensor) -> Tensor:
            return 2 * super()._composed(x_nchw)

    torch.manual_seed(0)
    own, x = Doubled(8, 5).eval(), torch.randn(4, 8, 6, 6)
    plain = AttentiveNorm2d(8, 5).eval()
    plain.load_state_dict(own.state_dict())
    torch.testing.assert_close(own(x), 2 * plain(x))
    assert not runs_fused(plain.to("meta"), x)
