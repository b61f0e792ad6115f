"""The embedded set: 10,000 training and 2,000 evaluation images of Fashion-MNIST, stratified.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms"
(2017); embedded/make_fashion_mnist_small.py states which images were taken.
"""

from __future__ import annotations

import zipfile
from importlib.resources import files

import numpy as np

from an_cli.config.schema import DataConfig
from an_cli.data.dataset import DataPair
from an_cli.data.memory import MemorySet, wanted_prefix
from an_cli.errors import DataError

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_FILE = "fashion_mnist_small.npz"


def fashion_mnist_small(config: DataConfig) -> DataPair:
    """The first `train_samples` and `eval_samples` images; every prefix of 10 k holds k of each class.

    Raises:
        DataError: more samples are asked than there are, or the package's file is damaged.
    """
    path = files("an_cli.data.embedded") / _FILE
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return DataPair(
                train=_part(arrays, "train", config.train_samples), eval=_part(arrays, "eval", config.eval_samples)
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"the embedded data set cannot be read: {error}", where=str(path), now="install an-cli again"
        ) from error


def _part(arrays: np.lib.npyio.NpzFile, split: str, asked: int | None) -> MemorySet:
    labels = arrays[f"{split}_labels"].astype(np.int64)
    taken = wanted_prefix(asked, len(labels), key=f"{split}_samples", source=_FILE)
    return MemorySet(arrays[f"{split}_images"][:taken, np.newaxis], labels[:taken], CLASSES)
