"""Data sets whose images all lie in memory: the embedded and the synthetic one.

Shape suffixes: n samples, c channels, h height, w width.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from an_cli.config.schema import Augment
from an_cli.data.dataset import View
from an_cli.data.draws import Purpose, sample_draws
from an_cli.errors import DataError

_SHIFT_DIVISOR = 14  # a shift is at most 1/14 of the side: 2 pixels of 28
_SHIFT_FLIP_DRAWS = 3  # vertical shift, horizontal shift, flip


class MemorySet:
    """Images in one array, kept with the zero border that random shifts look into.

    Args:
        images_nchw: uint8, shape (n, c, h, w).
        labels: shape (n,), 0-based.
        classes: class names.
    """

    augments = frozenset({Augment.NONE, Augment.SHIFT_FLIP})
    on_disk = False

    def __init__(self, images_nchw: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...]) -> None:
        height, width = images_nchw.shape[2:]
        self.labels = labels
        self.classes = classes
        self.fingerprint = content_fingerprint(images_nchw, labels, classes)
        self._border_h, self._border_w = height // _SHIFT_DIVISOR, width // _SHIFT_DIVISOR
        border = ((0, 0), (0, 0), (self._border_h, self._border_h), (self._border_w, self._border_w))
        padded = np.pad(images_nchw, border)
        # (n, c, 2 border_h + 1, 2 border_w + 1, h, w): every shifted image of every sample, without a copy
        self._shifted = sliding_window_view(padded, (height, width), axis=(2, 3))

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, samples: NDArray[np.int64], view: View) -> Tensor:
        """Images of these samples, shifted and flipped if the view says so. Shape (n, c, h, w), uint8."""
        if view.augment is Augment.NONE:
            return torch.from_numpy(self._shifted[samples, :, self._border_h, self._border_w])
        down, right, flip = _epoch_draws(view.seed, view.epoch, len(self))[samples].T
        rows = np.floor(down * (2 * self._border_h + 1)).astype(np.intp)
        columns = np.floor(right * (2 * self._border_w + 1)).astype(np.intp)
        images = self._shifted[samples, :, rows, columns]
        flipped = flip < 0.5
        images[flipped] = images[flipped][..., ::-1]
        return torch.from_numpy(images)


@lru_cache(maxsize=2)  # one epoch's draws serve all its batches
def _epoch_draws(seed: int, epoch: int, n: int) -> NDArray[np.float64]:
    return sample_draws(seed, epoch, n, _SHIFT_FLIP_DRAWS, Purpose.AUGMENT)


def content_fingerprint(images: NDArray[np.uint8], labels: NDArray[np.int64], classes: tuple[str, ...]) -> str:
    """SHA-256 over shape, pixels, labels and class names, as hex."""
    digest = hashlib.sha256(repr((images.shape, classes)).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()


def wanted_prefix(asked: int | None, there: int, *, key: str, source: str) -> int:
    """How many samples to take: `asked`, or all.

    Raises:
        DataError: more are asked than there are.
    """
    if asked is not None and asked > there:
        raise DataError(
            f"{asked} samples asked, {source} holds {there}",
            where=f"data.{key}",
            now=f"write {there} or less, or null for all",
        )
    return there if asked is None else asked
