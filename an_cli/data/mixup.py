"""Mixup: convex combinations of pairs of training images."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from an_cli.data.draws import Purpose, step_generator, step_permutation


class Mixed(NamedTuple):
    """A mixed batch; the loss is lam * loss(out, y) + (1 - lam) * loss(out, y_partner)."""

    x: Tensor
    y: Tensor
    y_partner: Tensor
    lam: float


def mixup(x: Tensor, y: Tensor, *, alpha: float, seed: int, epoch: int, step: int, replica: int) -> Mixed:
    """Mix every image of a replica's batch with a partner from the same batch.

    x_mixed = lam x + (1 - lam) x[partner], with one lam ~ Beta(alpha, alpha) per step and replica, and `partner` a
    uniform random permutation of the batch.

    Args:
        x: normalized images, shape (n, c, h, w), floating point.
        y: labels, shape (n,).
        alpha: 0 or more; 0 mixes nothing (lam = 1). The paper's state-of-the-art setup takes 0.2.
        seed: the cell's seed.
        epoch: from 0.
        step: within the epoch, from 0.
        replica: from 0.

    Source: Zhang et al. 2018; the paper, Section 4.2.
    """
    if alpha == 0:
        return Mixed(x, y, y, 1.0)
    lam = float(step_generator(seed, epoch, step, replica, Purpose.MIXUP_LAMBDA).beta(alpha, alpha))
    order = step_permutation(seed, epoch, step, replica, len(x), Purpose.MIXUP_PARTNER)
    partner = torch.from_numpy(order).to(x.device)
    return Mixed(torch.lerp(x[partner], x, lam), y, y[partner], lam)
