"""Activations of the attention (Section 3.3.2): from logits to lambda."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from an_cli.config.schema import Gate


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
        match self.kind:
            case Gate.SIGMOID:
                return torch.sigmoid(logits_nk)
            case Gate.SOFTMAX:
                return torch.softmax(logits_nk, 1)
            case Gate.HSIGMOID:
                # Not F.hardsigmoid: its gradient in float64 has a 1/6 rounded to float32.
                return F.relu6(logits_nk + 3) / 6

    def extra_repr(self) -> str:
        return str(self.kind)
