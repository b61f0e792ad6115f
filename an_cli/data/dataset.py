"""What a data set is, and how its samples are looked at.

Shape suffixes: n samples, c channels, h height, w width.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from an_cli.config.schema import Augment, DataConfig, Interpolation, RecipeConfig


@dataclass(frozen=True, kw_only=True)
class View:
    """How samples are turned into images: geometry, augmentation, and the key of its draws.

    `augment` NONE is the evaluation view: for files, shorter side to `resize`, then a center crop of `image_size`.
    """

    augment: Augment
    interpolation: Interpolation
    image_size: int
    resize: int | None
    seed: int
    epoch: int


def train_view(recipe: RecipeConfig, data: DataConfig, *, seed: int, epoch: int) -> View:
    """The training view of one epoch."""
    return View(
        augment=recipe.augment,
        interpolation=recipe.interpolation,
        image_size=data.image_size,
        resize=data.resize,
        seed=seed,
        epoch=epoch,
    )


def eval_view(recipe: RecipeConfig, data: DataConfig) -> View:
    """The evaluation view: a single crop, nothing drawn."""
    return View(
        augment=Augment.NONE,
        interpolation=recipe.interpolation,
        image_size=data.image_size,
        resize=data.resize,
        seed=0,
        epoch=0,
    )


class DataSet(Protocol):
    """Labelled images in a fixed order."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each sample, 0-based. Shape (n,)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""

    @property
    def fingerprint(self) -> str:
        """Hex digest; two sets with equal fingerprints hold the same samples in the same order."""

    @property
    def augments(self) -> frozenset[Augment]:
        """Augmentations that this kind of data set can do."""

    @property
    def on_disk(self) -> bool:
        """Whether reading is slow enough that loader workers pay."""

    def __len__(self) -> int: ...

    def read(self, samples: NDArray[np.int64], view: View) -> Tensor:
        """Images of these samples. Shape (len(samples), c, h, w), uint8, in memory of their own."""


@dataclass(frozen=True)
class DataPair:
    """What a network is trained on and what it is evaluated on."""

    train: DataSet
    eval: DataSet

    @property
    def fingerprint(self) -> str:
        """16 hex digits over both sets' fingerprints: what `result.json` records."""
        return pair_fingerprint(self.train.fingerprint, self.eval.fingerprint)


def pair_fingerprint(train: str, evaluation: str) -> str:
    """16 hex digits over two fingerprints."""
    return hashlib.sha256(f"{train} {evaluation}".encode()).hexdigest()[:16]
