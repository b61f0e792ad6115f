"""Losses against plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from an_cli.train.classify import mixed_cross_entropy, smoothed_cross_entropy


def plain_loop(logits: torch.Tensor, target: torch.Tensor, smoothing: float) -> float:
    total = 0.0
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        norm = math.log(sum(math.exp(score) for score in row))
        log_p = [score - norm for score in row]
        total += (1 - smoothing) * -log_p[label] + smoothing * -sum(log_p) / len(log_p)
    return total / len(logits)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 5, (2, 7), generator=generator)
    return logits, labels[0], labels[1]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_equals_a_plain_loop(batch, smoothing: float) -> None:
    logits, target, _ = batch
    assert float(smoothed_cross_entropy(logits, target, smoothing)) == pytest.approx(
        plain_loop(logits, target, smoothing), abs=1e-12
    )


def test_a_mixed_loss_is_the_weighted_sum_of_both_targets_losses(batch) -> None:
    logits, target, partner = batch
    expected = 0.3 * plain_loop(logits, target, 0.1) + 0.7 * plain_loop(logits, partner, 0.1)
    assert float(mixed_cross_entropy(logits, target, partner, 0.3, 0.1)) == pytest.approx(expected, abs=1e-12)


def test_half_precision_scores_give_a_loss_in_single_precision(batch) -> None:
    logits, target, _ = batch
    assert smoothed_cross_entropy(logits.bfloat16(), target, 0.0).dtype is torch.float32
