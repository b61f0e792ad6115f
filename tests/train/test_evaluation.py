"""Evaluation against plain counting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from an_cli.config import CellConfig, Composer
from an_cli.errors import TrainingDiverged
from an_cli.train.classify import Classify, rank_of
from an_cli.train.task import Evaluated
from tests.tiny import TINY


class Scores(nn.Module):
    """Puts out rows of a fixed score table, in order."""

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table, self.row = table, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.table[self.row : self.row + len(x)]
        self.row += len(x)
        return rows


def evaluate(model: nn.Module, batches: Iterator[Any], cell: CellConfig, *, epoch: int) -> Evaluated:
    return Classify(cell).score(model, batches, device=torch.device("cpu")).evaluated(epoch=epoch)


def test_error_rates_and_bits_equal_plain_counting(composer: Composer) -> None:
    cell = composer.compose([*TINY]).cell
    table = torch.randn(23, 10, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(23) % 10
    images = torch.zeros(23, 1, 16, 16, dtype=torch.uint8)
    chunks = [(images[start : start + 8], labels[start : start + 8]) for start in (0, 8, 16)]
    done = evaluate(Scores(table), iter(chunks), cell, epoch=4)
    order = table.argsort(dim=1, descending=True)
    top1 = [bool(row[0] == label) for row, label in zip(order, labels, strict=True)]
    top5 = [bool((row[:5] == label).any()) for row, label in zip(order, labels, strict=True)]
    assert done.evaluation.epoch == 4
    assert done.evaluation.samples == 23
    assert done.evaluation["top1_error_pct"] == 100 * (23 - sum(top1)) / 23
    assert done.evaluation["top5_error_pct"] == 100 * (23 - sum(top5)) / 23
    assert np.unpackbits(np.frombuffer(done.planes["top1"], np.uint8))[:23].astype(bool).tolist() == top1
    assert np.unpackbits(np.frombuffer(done.planes["top5"], np.uint8))[:23].astype(bool).tolist() == top5


def test_ties_go_to_the_lower_class() -> None:
    scores = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    assert rank_of(scores, torch.tensor([0, 1, 2])).tolist() == [0, 1, 2]


def test_scores_that_are_not_finite_are_no_result(composer: Composer) -> None:
    cell = composer.compose([*TINY]).cell
    batch = (torch.zeros(2, 1, 16, 16, dtype=torch.uint8), torch.tensor([0, 1]))
    with pytest.raises(TrainingDiverged, match="evaluation set"):
        evaluate(Scores(torch.full((2, 10), torch.nan)), iter([batch]), cell, epoch=0)
