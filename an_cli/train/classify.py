"""Classification (paper, Section 4): cross entropy with label smoothing and mixup; top-1 and top-5 error, single crop.

Shape suffixes: n samples, c classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from an_cli.data import mixup
from an_cli.errors import TrainingDiverged
from an_cli.store import CLASSIFICATION, Evaluation
from an_cli.train.image_task import ImageTask, wide
from an_cli.train.task import Evaluated, StepKey


class Classify(ImageTask):
    """One label of `data.classes` for an image."""

    @property
    def outputs(self) -> int:
        return self.config.data.classes

    def loss_of(self, model: nn.Module, x_nchw: Tensor, label_n: Tensor, key: StepKey) -> Tensor:
        recipe = self.config.recipe
        if recipe.mixup_alpha == 0:
            return smoothed_cross_entropy(self.forward(model, x_nchw), label_n, recipe.label_smoothing)
        x, target, partner, lam = mixup(
            x_nchw,
            label_n,
            alpha=recipe.mixup_alpha,
            seed=self.config.seed,
            epoch=key.epoch,
            step=key.step,
            replica=key.replica,
        )
        return mixed_cross_entropy(self.forward(model, x), target, partner, lam, recipe.label_smoothing)

    def keep(self, output_nk: Tensor, label_n: Tensor) -> tuple[Tensor, ...]:
        return rank_of(output_nk, label_n), F.cross_entropy(output_nk, label_n, reduction="none")

    def scores(self, *kept: Tensor) -> ClassScores:
        return ClassScores(*kept)


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What one pass gave of every sample, in data-set order.

    Attributes:
        ranks: how many classes stand before the true one. Shape (n,), int64.
        losses: cross entropy. Shape (n,), float32 or float64.
    """

    ranks: Tensor
    losses: Tensor

    def within(self, k: int) -> np.ndarray:
        """Whether the true class is among the first k. Shape (n,), bool."""
        correct: np.ndarray = (self.ranks < k).numpy()
        return correct

    def evaluated(self, *, epoch: int) -> Evaluated:
        """Error rates and bits; see `Scores.evaluated`."""
        loss = float(self.losses.double().mean())
        if not np.isfinite(loss):
            raise TrainingDiverged(
                f"the loss over the evaluation set is {loss}",
                where=f"epoch {epoch + 1}",
                now="lower recipe.lr or warm up longer",
            )
        correct = {measure.key: self.within(k) for measure, k in zip(CLASSIFICATION.all, (1, 5), strict=True)}
        values = {key: _error_pct(bits) for key, bits in correct.items()}
        planes = {_plane(key): np.packbits(bits).tobytes() for key, bits in correct.items()}
        return Evaluated(Evaluation(epoch=epoch, loss=loss, samples=len(self.ranks), values=values), planes)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Packed bits of top-1 and top-5, ranks (int32) and losses."""
        return {
            "top1": np.packbits(self.within(1)),
            "top5": np.packbits(self.within(5)),
            "rank": self.ranks.numpy().astype(np.int32),
            "loss": self.losses.numpy(),
        }


def _plane(key: str) -> str:
    evidence = CLASSIFICATION[key].evidence
    assert evidence is not None
    return evidence.plane


def _error_pct(correct: np.ndarray) -> float:
    return 100.0 * int((~correct).sum()) / len(correct)


def rank_of(logits_nc: Tensor, target_n: Tensor) -> Tensor:
    """How many classes stand before the true one; ties go to the lower class number.

    Unlike a sort, the same for every batch size and device as far as the scores are.
    """
    own = logits_nc.gather(1, target_n[:, None])
    number = torch.arange(logits_nc.shape[1], device=logits_nc.device)
    before = (logits_nc > own) | ((logits_nc == own) & (number < target_n[:, None]))
    return before.sum(dim=1)


def smoothed_cross_entropy(logits_nc: Tensor, target_n: Tensor, smoothing: float) -> Tensor:
    """Mean of (1 - e) * NLL + e * mean over all classes of -log p, the true class included.

    Args:
        logits_nc: scores of N samples over C classes.
        target_n: class numbers.
        smoothing: e, in [0, 1); the paper uses 0.1 in the state-of-the-art setup.

    Returns:
        A scalar, in float32 or wider whatever the precision of the logits.
    """
    return F.cross_entropy(wide(logits_nc), target_n, label_smoothing=smoothing)


def mixed_cross_entropy(logits_nc: Tensor, target_n: Tensor, partner_n: Tensor, lam: float, smoothing: float) -> Tensor:
    """Loss of a mixed batch: lam * loss(target) + (1 - lam) * loss(partner), each with label smoothing."""
    own = smoothed_cross_entropy(logits_nc, target_n, smoothing)
    return lam * own + (1 - lam) * smoothed_cross_entropy(logits_nc, partner_n, smoothing)
