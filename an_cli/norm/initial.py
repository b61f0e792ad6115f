"""Initial values, drawn where there is memory to draw them into."""

from __future__ import annotations

import math

from torch import Tensor, nn


def draw_normal(parameter: Tensor, mean: float, std: float) -> None:
    """Draw from N(mean, std^2) in place; a meta tensor has no values and is left alone.

    Without that exception PyTorch imports its symbolic shapes for a meta tensor, which costs seconds.
    """
    if not parameter.is_meta:
        nn.init.normal_(parameter, mean, std)


def he_normal(weight: Tensor) -> None:
    """Draw He normal values by fan-out, in place: std = sqrt(2 / (outputs * kernel area)).

    Source: He et al., 2015; Section 4.
    """
    draw_normal(weight, 0.0, math.sqrt(2 / (weight.shape[0] * weight[0, 0].numel())))
