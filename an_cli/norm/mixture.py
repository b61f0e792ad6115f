"""The mixture of K affine transformations (Eqn. 8-9)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from an_cli.norm.initial import draw_normal


class Mixture(nn.Module):
    """Mix K affine transformations with instance-specific weights.

    gamma_n = sum_k lambda_nk gamma_k, beta_n = sum_k lambda_nk beta_k, per channel.
    At the start gamma_kc ~ N(1, 0.1^2) and beta_kc ~ N(0, 0.1^2).

    Args:
        components: K.
        channels: C.

    Source: Eqn. 8-9; initial values: Section 4.
    """

    def __init__(self, components: int, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(components, channels))
        self.beta = nn.Parameter(torch.empty(components, channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the components anew; different ones, or the attention could not tell them apart."""
        draw_normal(self.gamma, 1.0, 0.1)
        draw_normal(self.beta, 0.0, 0.1)

    def forward(self, lambda_nk: Tensor) -> tuple[Tensor, Tensor]:
        """Return gamma and beta, each of shape (N, C)."""
        lambda_nk = lambda_nk.to(self.gamma.dtype)
        return lambda_nk @ self.gamma, lambda_nk @ self.beta

    def extra_repr(self) -> str:
        components, channels = self.gamma.shape
        return f"K={components}, channels={channels}"
