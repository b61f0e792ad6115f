"""The layer under torch.compile and torch.export, with backends that need no compiler."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from an_cli.norm import AttentiveNorm2d

# Deprecations inside PyTorch's own tracer are not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture
def layer() -> AttentiveNorm2d:
    torch.manual_seed(0)
    return AttentiveNorm2d(4, 3)


def _grad(run: object, x: Tensor) -> Tensor:
    assert callable(run)
    return torch.autograd.grad(run(x.requires_grad_()).square().sum(), x)[0]


def test_a_compiled_layer_is_one_graph_with_the_same_gradients(layer: AttentiveNorm2d) -> None:
    x = torch.randn(4, 4, 5, 5)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(_grad(compiled, x), _grad(layer, x))


def test_an_exported_layer_takes_batches_of_any_size(layer: AttentiveNorm2d) -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(layer.eval(), (torch.randn(4, 4, 5, 5),), dynamic_shapes=({0: batch},))
    x = torch.randn(7, 4, 5, 5)
    torch.testing.assert_close(program.module()(x), layer(x))
