"""What a run is trained for: the seam between the loop, which knows no task, and a task, which knows no loop.

A task builds the network, makes the batches, computes the loss of one, and evaluates; the loop, the state, checkpoints,
replicas and signals handle what it gives without looking inside. Its measures are declared in `an_cli.store.measures`
or, of a task of the user's own, in its config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from an_cli.config import CellConfig
from an_cli.data import DataPair, DataSet
from an_cli.models import Counts
from an_cli.store import Evaluation, Kind
from an_cli.train.world import World

Batch = Any  # what a task's batches are, it alone knows


@dataclass(frozen=True, kw_only=True)
class StepKey:
    """Where a training step stands: what the draws of a batch are keyed by.

    Attributes:
        epoch: from 0.
        step: within the epoch, from 0.
        replica: whose batch it is.
    """

    epoch: int
    step: int
    replica: int


@dataclass(frozen=True)
class Evaluated:
    """The numbers of one pass over the evaluation set, and its per-sample evidence by plane, in data-set order."""

    evaluation: Evaluation
    planes: Mapping[str, bytes]


class Scores(Protocol):
    """What one pass gave of every sample, in data-set order."""

    def evaluated(self, *, epoch: int) -> Evaluated:
        """Measures and evidence.

        Args:
            epoch: that has just ended, for the record.

        Raises:
            TrainingDiverged: a score is not finite.
        """

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Per-sample arrays for `evaluate --out`, in file order."""


@runtime_checkable
class Task(Protocol):
    """What a network is trained for. Made of a cell's config; holds nothing that changes."""

    @property
    def config(self) -> CellConfig:
        """The cell."""

    @property
    def kind(self) -> Kind:
        """What the per-sample planes hold."""

    def build(self) -> nn.Module:
        """The network, its weights drawn from torch's global generator."""

    def data(self, data_root: Path | None) -> DataPair:
        """Training and evaluation set; raises ConfigError or DataError where they do not fit the cell."""

    def eval_data(self, data_root: Path | None) -> DataSet:
        """The evaluation set alone."""

    def steps_per_epoch(self, data: DataPair) -> int:
        """Optimizer steps of one epoch."""

    def train_batches(
        self,
        data: DataPair,
        *,
        epoch: int,
        replica: int,
        start_step: int,
        loader_workers: int,
        pin_memory: bool,
    ) -> Iterator[Batch]:
        """One replica's batches of an epoch, without the first `start_step`; the others are the same bits."""

    def eval_batches(
        self, dataset: DataSet, *, loader_workers: int, shard: tuple[int, int], pin_memory: bool
    ) -> Iterator[Batch]:
        """Batches of shard (index, count) of the evaluation set; the shards one after the other are the whole set."""

    def loss(self, model: nn.Module, batch: Batch, key: StepKey, device: torch.device) -> torch.Tensor:
        """Loss of one batch, a scalar with a gradient; every draw keyed by the cell's seed and the step."""

    def score(self, model: nn.Module, batches: Iterator[Batch], *, device: torch.device, world: World) -> Scores:
        """One pass over the evaluation set, the model put back into its mode; every rank gets the whole result."""

    def count(self, model: nn.Module) -> Counts:
        """Parameters and multiply-accumulates; the model may be on the meta device."""
