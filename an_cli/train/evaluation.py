"""One pass over the evaluation set: error rates, and which samples were right (paper, Section 4: single crop)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from an_cli.config.schema import CellConfig
from an_cli.data import normalize
from an_cli.errors import TrainingDiverged
from an_cli.store import Evaluation
from an_cli.train.device import autocast, weight_dtype
from an_cli.train.world import ALONE, World


@dataclass(frozen=True, eq=False)
class Scores:
    """What one pass found of every sample, in data-set order.

    Attributes:
        ranks: how many classes stand before the true one. Shape (n,), int64.
        losses: cross entropy. Shape (n,), float32 or float64.
    """

    ranks: torch.Tensor
    losses: torch.Tensor

    def within(self, k: int) -> np.ndarray:
        """Whether the true class is among the first k. Shape (n,), bool."""
        found: np.ndarray = (self.ranks < k).numpy()
        return found


@dataclass(frozen=True)
class Evaluated:
    """Error rates of one pass, and packed correctness bits of every sample in data-set order."""

    evaluation: Evaluation
    top1: bytes
    top5: bytes


def evaluate(
    model: nn.Module,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    config: CellConfig,
    *,
    epoch: int,
    device: torch.device,
    world: World = ALONE,
) -> Evaluated:
    """Evaluate a model. Nothing is padded and no sample counts twice.

    Args:
        model: in any mode; it is put back into it.
        batches: uint8 images and labels in data-set order.
        config: the cell, for normalization and precision.
        epoch: number of the epoch that has just ended, for the record.
        device: where the model is.
        world: ranks that have evaluated the other shards; every rank gets the whole result.

    Raises:
        TrainingDiverged: a score is not finite.
    """
    return summarize(score(model, batches, config, device=device, world=world), epoch=epoch)


def score(
    model: nn.Module,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    config: CellConfig,
    *,
    device: torch.device,
    world: World = ALONE,
) -> Scores:
    """One pass of a model over an evaluation set; see `evaluate`."""
    training = model.training
    model.eval()
    ranks, losses = _ranks(model, batches, config, device)
    model.train(training)
    return Scores(world.concat(ranks), world.concat(losses))


def summarize(scores: Scores, *, epoch: int) -> Evaluated:
    """Error rates and bits of a pass.

    Raises:
        TrainingDiverged: a score is not finite.
    """
    loss = float(scores.losses.double().mean())
    if not np.isfinite(loss):
        raise TrainingDiverged(
            f"the loss over the evaluation set is {loss}",
            where=f"epoch {epoch + 1}",
            now="lower recipe.lr or warm up longer",
        )
    top1, top5 = scores.within(1), scores.within(5)
    return Evaluated(
        Evaluation(
            epoch=epoch,
            loss=loss,
            samples=len(scores.ranks),
            values={"top1_error_pct": _error_pct(top1), "top5_error_pct": _error_pct(top5)},
        ),
        np.packbits(top1).tobytes(),
        np.packbits(top5).tobytes(),
    )


def _error_pct(correct: np.ndarray) -> float:
    return 100.0 * int((~correct).sum()) / len(correct)


@torch.no_grad()
def _ranks(
    model: nn.Module, batches: Iterator[tuple[torch.Tensor, torch.Tensor]], config: CellConfig, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    ranks, losses = [], []
    for images, labels in batches:
        target = labels.to(device, non_blocking=True)
        x = normalize(images.to(device, non_blocking=True), config.data.mean, config.data.std)
        x = x.to(weight_dtype(config.recipe.precision))
        with autocast(device, config.recipe.precision):
            logits = model(x)
        wide = logits if logits.dtype is torch.float64 else logits.float()
        losses.append(F.cross_entropy(wide, target, reduction="none").cpu())
        ranks.append(rank_of(wide, target).cpu())
    if not ranks:  # more ranks than batches
        return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=weight_dtype(config.recipe.precision))
    return torch.cat(ranks), torch.cat(losses)


def rank_of(logits_nc: torch.Tensor, target_n: torch.Tensor) -> torch.Tensor:
    """How many classes stand before the true one; ties go to the lower class number.

    Unlike a sort, the same for every batch size and device as far as the scores are.
    """
    own = logits_nc.gather(1, target_n[:, None])
    number = torch.arange(logits_nc.shape[1], device=logits_nc.device)
    before = (logits_nc > own) | ((logits_nc == own) & (number < target_n[:, None]))
    return before.sum(dim=1)
