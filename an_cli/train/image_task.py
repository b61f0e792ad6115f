"""What tasks on single images share: one image in, one row of outputs out, a label from the data set.

A task of this kind says how many outputs the network has, what the loss of a batch is, and what is kept of every
evaluated sample. Shape suffixes: n samples, c channels, h height, w width.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from an_cli.config import CellConfig
from an_cli.config.check_parts import lone_sample
from an_cli.data import (
    DataPair,
    DataSet,
    make_data,
    make_eval_batches,
    make_eval_data,
    make_train_batches,
    normalize,
    steps_per_epoch,
)
from an_cli.errors import ConfigError
from an_cli.models import Counts, count, make_model
from an_cli.store import Kind
from an_cli.train.device import autocast, weight_dtype
from an_cli.train.task import Scores, StepKey
from an_cli.train.world import ALONE, World

ImageBatch = tuple[Tensor, Tensor]  # x_nchw uint8, y_n int64


class ImageTask:
    """Base of tasks on single images; a subclass gives `outputs`, `loss_of`, `keep` and `scores`."""

    kind: ClassVar[Kind] = Kind.BITS

    def __init__(self, config: CellConfig) -> None:
        self.config = config

    @property
    def outputs(self) -> int:
        """Outputs of the network for one image."""
        raise NotImplementedError

    def loss_of(self, model: nn.Module, x_nchw: Tensor, label_n: Tensor, key: StepKey) -> Tensor:
        """Loss of one batch of normalized images, a scalar; call `forward` once."""
        raise NotImplementedError

    def keep(self, output_nk: Tensor, label_n: Tensor) -> tuple[Tensor, ...]:
        """What is kept of every evaluated sample: tensors of shape (n,). Called with no samples too."""
        raise NotImplementedError

    def scores(self, *kept: Tensor) -> Scores:
        """The kept tensors of the whole evaluation set, on the CPU, in data-set order."""
        raise NotImplementedError

    def build(self) -> nn.Module:
        config = self.config
        return make_model(config.model, config.norm, config.recipe, classes=self.outputs, channels=config.data.channels)

    def data(self, data_root: Path | None) -> DataPair:
        pair = make_data(self.config.data, data_root=data_root)
        # Of data that were counted only now; where the config says how many there are, it was refused when composed.
        misfit = lone_sample(len(pair.train), self.config.norm, self.config.recipe)
        if misfit is not None:
            where, what, now = misfit
            raise ConfigError(what, where=where, now=now)
        return pair

    def eval_data(self, data_root: Path | None) -> DataSet:
        return make_eval_data(self.config.data, data_root=data_root)

    def steps_per_epoch(self, data: DataPair) -> int:
        return steps_per_epoch(len(data.train), self.config.recipe)

    def train_batches(
        self, data: DataPair, *, epoch: int, replica: int, start_step: int, loader_workers: int, pin_memory: bool
    ) -> Iterator[ImageBatch]:
        recipe = self.config.recipe
        return make_train_batches(
            data.train,
            recipe=recipe,
            data=self.config.data,
            seed=self.config.seed,
            epoch=epoch,
            replica=replica,
            replicas=recipe.replicas,
            loader_workers=loader_workers,
            start_step=start_step,
            pin_memory=pin_memory,
        )

    def eval_batches(
        self, dataset: DataSet, *, loader_workers: int, shard: tuple[int, int] = (0, 1), pin_memory: bool = False
    ) -> Iterator[ImageBatch]:
        return make_eval_batches(
            dataset,
            recipe=self.config.recipe,
            data=self.config.data,
            loader_workers=loader_workers,
            shard=shard,
            pin_memory=pin_memory,
        )

    def loss(self, model: nn.Module, batch: ImageBatch, key: StepKey, device: torch.device) -> Tensor:
        images, labels = batch
        return self.loss_of(model, self._input(images, device), labels.to(device, non_blocking=True), key)

    def forward(self, model: nn.Module, x_nchw: Tensor) -> Tensor:
        """Outputs of the network in the cell's precision. Shape (n, outputs)."""
        with autocast(x_nchw.device, self.config.recipe.precision):
            output: Tensor = model(x_nchw)
        return output

    @torch.no_grad()
    def score(
        self, model: nn.Module, batches: Iterator[ImageBatch], *, device: torch.device, world: World = ALONE
    ) -> Scores:
        training = model.training
        model.eval()
        parts = [self._kept(model, images, labels, device) for images, labels in batches]
        model.train(training)
        # More ranks than batches: this one adds nothing, in the type of the others'.
        parts = parts or [self.keep(torch.empty(0, self.outputs, dtype=self._dtype), torch.empty(0, dtype=torch.int64))]
        return self.scores(*(world.concat(torch.cat(column)) for column in zip(*parts, strict=True)))

    def count(self, model: nn.Module) -> Counts:
        data = self.config.data
        return count(model, (data.channels, data.image_size, data.image_size))

    @property
    def _dtype(self) -> torch.dtype:
        return weight_dtype(self.config.recipe.precision)

    def _input(self, images: Tensor, device: torch.device) -> Tensor:
        data = self.config.data
        return normalize(images.to(device, non_blocking=True), data.mean, data.std).to(self._dtype)

    def _kept(self, model: nn.Module, images: Tensor, labels: Tensor, device: torch.device) -> tuple[Tensor, ...]:
        target = labels.to(device, non_blocking=True)
        output = self.forward(model, self._input(images, device))
        return tuple(values.cpu() for values in self.keep(wide(output), target))


def wide(values: Tensor) -> Tensor:
    """The values in float32 or wider, whatever precision they were computed in."""
    return values if values.dtype is torch.float64 else values.float()
