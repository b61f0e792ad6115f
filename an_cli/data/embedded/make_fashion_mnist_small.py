"""Make fashion_mnist_small.npz from the four files of Fashion-MNIST.

    python an_cli/data/embedded/make_fashion_mnist_small.py /usr/share/datasets/fashion-mnist OUT.npz

The source folder is that of Debian's package dataset-fashion-mnist. The rule: the first 1,000 images of each class of
the training files and the first 200 of each class of the t10k files, in file order, interleaved: image i has label
i mod 10, so every prefix of 10 k images holds k of each class. The same bytes every time with the same zlib (1.2.13 for
the shipped file); the same arrays always.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = 10
TRAIN_PER_CLASS = 1000
EVAL_PER_CLASS = 200
_SIDE = 28
_IMAGE_HEADER, _LABEL_HEADER = 16, 8  # bytes before the values in an IDX file of rank 3 and 1

Array = NDArray[np.uint8]


def arrays(source: Path) -> dict[str, Array]:
    """The four arrays of the subset: {train,eval}_images (n, 28, 28) and {train,eval}_labels (n,), all uint8."""
    train_images, train_labels = _subset(source, "train", TRAIN_PER_CLASS)
    eval_images, eval_labels = _subset(source, "t10k", EVAL_PER_CLASS)
    return {
        "train_images": train_images,
        "train_labels": train_labels,
        "eval_images": eval_images,
        "eval_labels": eval_labels,
    }


def _subset(source: Path, split: str, per_class: int) -> tuple[Array, Array]:
    images = _values(source / f"{split}-images-idx3-ubyte.gz", _IMAGE_HEADER).reshape(-1, _SIDE, _SIDE)
    labels = _values(source / f"{split}-labels-idx1-ubyte.gz", _LABEL_HEADER)
    by_class = [np.flatnonzero(labels == label)[:per_class] for label in range(CLASSES)]
    chosen = np.stack(by_class, axis=1).reshape(-1)
    return images[chosen], labels[chosen]


def _values(path: Path, header: int) -> Array:
    return np.frombuffer(gzip.decompress(path.read_bytes()), dtype=np.uint8, offset=header)


def main(source: str, target: str) -> None:
    np.savez_compressed(target, **arrays(Path(source)))  # type: ignore[arg-type]  # zip entries are dated 1980


if __name__ == "__main__":
    main(*sys.argv[1:])
