"""What the attention has learned, for those who may not load weights: `mixture.npz`.

Per AN layer (in the network's order, named by its place): gamma and beta (K, C), and a summary of lambda over the
evaluation set. Figure 4 and the checks for degenerate mixtures are drawn from it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from an_cli.norm import AttentiveNorm2d


@dataclass
class LambdaSummary:
    """Running sums of one layer's lambda (N, K) over a data set, in float64.

    Usage is a component's share of a sample's total weight; its entropy says whether one component dominates.
    """

    samples: int = 0
    total_k: Tensor = field(default_factory=lambda: torch.zeros(()))
    squares_k: Tensor = field(default_factory=lambda: torch.zeros(()))
    smallest_k: Tensor = field(default_factory=lambda: torch.full((), torch.inf))
    largest_k: Tensor = field(default_factory=lambda: torch.full((), -torch.inf))
    dominates_k: Tensor = field(default_factory=lambda: torch.zeros(()))
    entropy: float = 0.0

    def add(self, lambda_nk: Tensor) -> None:
        """Take in the weights of one batch."""
        weights = lambda_nk.detach().to("cpu", torch.float64)
        self.samples += len(weights)
        self.total_k = self.total_k + weights.sum(0)
        self.squares_k = self.squares_k + weights.square().sum(0)
        self.smallest_k = torch.minimum(self.smallest_k, weights.amin(0))
        self.largest_k = torch.maximum(self.largest_k, weights.amax(0))
        winners = weights.argmax(1)
        self.dominates_k = self.dominates_k + torch.bincount(winners, minlength=weights.shape[1])
        usage = weights / weights.sum(1, keepdim=True).clamp_min(1e-12)
        self.entropy += float(torch.special.entr(usage).sum())

    def arrays(self) -> dict[str, np.ndarray]:
        """Mean, standard deviation, range, share of samples in which a component is the largest; mean usage entropy."""
        mean = self.total_k / self.samples
        spread = (self.squares_k / self.samples - mean.square()).clamp_min(0).sqrt()
        return {
            "lambda_mean": mean.numpy(),
            "lambda_std": spread.numpy(),
            "lambda_min": self.smallest_k.numpy(),
            "lambda_max": self.largest_k.numpy(),
            "lambda_dominates": (self.dominates_k / self.samples).numpy(),
            "usage_entropy": np.asarray(self.entropy / self.samples),
        }


def attentive_layers(model: nn.Module) -> dict[str, AttentiveNorm2d]:
    """AN layers of a network by name, in its order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, AttentiveNorm2d)}


@contextmanager
def watching(model: nn.Module) -> Iterator[dict[str, LambdaSummary]]:
    """Summarize lambda of every AN layer over the forward passes made inside."""
    summaries = {name: LambdaSummary() for name in attentive_layers(model)}
    handles = [
        layer.attention.register_forward_hook(lambda _module, _inputs, out, name=name: summaries[name].add(out))
        for name, layer in attentive_layers(model).items()
    ]
    try:
        yield summaries
    finally:
        for handle in handles:
            handle.remove()


def encode(model: nn.Module, summaries: dict[str, LambdaSummary]) -> bytes:
    """Bytes of `mixture.npz`: arrays named `<layer>/<what>`."""
    arrays: dict[str, np.ndarray] = {}
    for name, layer in attentive_layers(model).items():
        parts = {"gamma": layer.mixture.gamma, "beta": layer.mixture.beta}
        arrays.update({f"{name}/{what}": value.detach().float().cpu().numpy() for what, value in parts.items()})
        arrays.update({f"{name}/{what}": value for what, value in summaries[name].arrays().items()})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
