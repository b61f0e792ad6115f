"""Learning rate per iteration: linear warm-up, then half a cosine (paper, Section 4.2)."""

from __future__ import annotations

import math


def learning_rate(peak: float, *, step: int, steps_per_epoch: int, epochs: int, warmup_epochs: int) -> float:
    """Learning rate of one training step.

    With T epochs, W of them warm-up, N steps an epoch, and p = (step + 1) / N epochs done after this step:
    p <= W: peak * p / W; otherwise peak * (1 + cos(pi * (p - W) / (T - W))) / 2.

    Args:
        peak: learning rate at the end of warm-up.
        step: step from 0 over the whole training.
        steps_per_epoch: N.
        epochs: T.
        warmup_epochs: W, below T.

    Returns:
        The rate; exactly 0 in the last step of training.

    Source:
        Section 4.2; set every iteration, so that warm-up starts at peak / (W N).
    """
    done = (step + 1) / steps_per_epoch
    if step < warmup_epochs * steps_per_epoch:
        return peak * done / warmup_epochs
    if step + 1 == epochs * steps_per_epoch:
        return 0.0
    return peak * (1 + math.cos(math.pi * (done - warmup_epochs) / (epochs - warmup_epochs))) / 2
