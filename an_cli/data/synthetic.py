"""The synthetic set: images that a network can learn, made in memory.

Image i of a split has label i mod classes and the pixels

    127.5 + 127.5 * (signal * P[label] + loudness_i * signal * P[other_i] + noise),  clipped to 0..255,

with P[c] the class's prototype (a 4 x 4 grid of values in [-1, 1], enlarged), `other_i` a random class at a random
loudness in [0, 0.9), and uniform noise per pixel. A network must learn the prototypes and which of two is the louder;
the labels have no noise. The pixels do not depend on the cell's seed, nor on how many samples are asked: a smaller set
is a prefix of a larger one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from an_cli.config.schema import DataConfig
from an_cli.data.dataset import DataPair
from an_cli.data.draws import Purpose, sample_draws, step_generator
from an_cli.data.memory import MemorySet
from an_cli.errors import ConfigError

_GRID = 4
_SIGNAL = 0.3
_LOUDEST_OTHER = 0.9
_NOISE = 0.5
_CHUNK = 256  # images made at once
_PART = {"train": 1, "eval": 2}  # epoch key of the draws; 0 is the prototypes'

Floats = NDArray[np.float32]


def synthetic(config: DataConfig) -> DataPair:
    """Training and evaluation images from the same prototypes.

    Raises:
        ConfigError: a sample count is null, which would mean all of an endless set.
    """
    return DataPair(train=_part(config, "train", config.train_samples), eval=_part(config, "eval", config.eval_samples))


def _part(config: DataConfig, split: Literal["train", "eval"], n: int | None) -> MemorySet:
    if n is None:
        raise ConfigError("null with source=synthetic", where=f"data.{split}_samples", now="write how many to generate")
    labels = np.arange(n, dtype=np.int64) % config.classes
    draws = sample_draws(0, _PART[split], n, 2, Purpose.SYNTHETIC)
    others = np.floor(draws[:, 0] * config.classes).astype(np.int64)
    loudness = (draws[:, 1] * _LOUDEST_OTHER).astype(np.float32)
    prototypes = _prototypes(config)
    images = np.empty((n, *prototypes.shape[1:]), dtype=np.uint8)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        mixed = prototypes[labels[part]] + loudness[part, None, None, None] * prototypes[others[part]]
        values = np.float32(_SIGNAL) * mixed + np.float32(_NOISE) * _noise(start, split, mixed.shape)
        images[part] = np.clip(np.rint(127.5 + 127.5 * values), 0, 255)
    return MemorySet(images, labels, tuple(f"class_{label}" for label in range(config.classes)))


def _prototypes(config: DataConfig) -> Floats:
    """Shape (classes, channels, image_size, image_size)."""
    grid = sample_draws(0, 0, config.classes, config.channels * _GRID**2, Purpose.SYNTHETIC)
    cell = np.arange(config.image_size) * _GRID // config.image_size
    coarse = grid.reshape(config.classes, config.channels, _GRID, _GRID) * 2 - 1
    return coarse[:, :, cell[:, None], cell].astype(np.float32)


def _noise(start: int, split: str, shape: tuple[int, ...]) -> Floats:
    """Uniform in [-1, 1), one byte per pixel, of the chunk that begins at sample `start`."""
    size = int(np.prod(shape))
    words = step_generator(0, _PART[split], start, 0, Purpose.SYNTHETIC).bit_generator.random_raw(-(-size // 8))
    pixels = words.astype("<u8").view(np.uint8)[:size].reshape(shape)
    return pixels.astype(np.float32) / np.float32(128) - np.float32(1)
