"""Activations of the attention (Section 3.3.2): from logits to lambda."""

from __future__ import annotations

from torch import Tensor, nn

from an_cli.config.schema import Gate
from an_cli.norm.formula import gated


class GateActivation(nn.Module):
    """Map K logits to the K attention weights lambda.

    sigmoid: 1 / (1 + exp(-a)); softmax: over the K components, so that they sum to 1; hsigmoid:
    min(max(a + 3, 0), 6) / 6 (Howard et al., 2019). Only softmax is normalized.

    Args:
        kind: which activation.

    Shape:
        (N, K) -> (N, K), values in [0, 1].

    Source: Section 3.3.2, Table 1 rows 5-6.
    """

    def __init__(self, kind: Gate) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, logits_nk: Tensor) -> Tensor:
        return gated(self.kind, logits_nk)

    def extra_repr(self) -> str:
        return str(self.kind)
