"""Images in ImageNet's layout, ROOT/FOLDER/{train,val}/CLASS/*.JPEG, or in the shards made from it.

Samples are in order of class name, then file name. A fingerprint covers names and sizes, not pixels: reading 1.3
million files to hash them would take as long as an epoch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from an_cli.config.schema import Augment, DataConfig
from an_cli.data.dataset import DataPair, DataSet, View
from an_cli.data.decode import decode
from an_cli.data.listing import LAYOUT, Listing, class_folders, list_split, refuse_unknown_classes, scan
from an_cli.data.shards import ShardSet, has_shards, read_index
from an_cli.errors import ConfigError, DataError

_MODES = {1: "L", 3: "RGB"}


class FolderSet:
    """The image files of one split."""

    augments = frozenset({Augment.NONE, Augment.RESIZED_CROP})
    on_disk = True

    def __init__(self, split: Path, listing: Listing, mode: str) -> None:
        self.classes, self.labels, self.fingerprint = listing.classes, listing.labels, listing.fingerprint
        self._split, self._listing, self._mode = split, listing, mode

    def __len__(self) -> int:
        return len(self._listing)

    def path(self, sample: int) -> Path:
        """File of one sample."""
        return self._split / self._listing.name(sample)

    def read(self, samples: NDArray[np.int64], view: View) -> Tensor:
        """Decoded, cropped and resized images. Shape (len(samples), c, image_size, image_size), uint8.

        Raises:
            DataError: a file that cannot be read as an image.
        """
        images = [decode(self.path(int(sample)), int(sample), view, mode=self._mode) for sample in samples]
        return torch.from_numpy(np.stack(images))


def image_folder(config: DataConfig, data_root: Path | None) -> DataPair:
    """Find both splits and check them against the config. Where shards lie, they are read: they hold the same images.

    Args:
        config: `folder` is looked up in `data_root`; `classes` and the sample counts are expectations.
        data_root: launch.data_root, resolved.

    Raises:
        ConfigError: channels or sizes that image files cannot give.
        DataError: a folder, a class or files are missing, or the counts are not those of the config.
    """
    mode = _check_shape(config)
    root = _root(config, data_root)
    if has_shards(root):
        index = read_index(root)
        _check_classes(index["train"].listing.classes, config, root)
        pair = DataPair(train=ShardSet(root, index["train"], mode), eval=ShardSet(root, index["val"], mode))
    else:
        train, evaluation = list_folder(root, config)
        pair = DataPair(train=FolderSet(root / "train", train, mode), eval=FolderSet(root / "val", evaluation, mode))
    _check_count(len(pair.train), config.train_samples, root / "train", "train_samples")
    _check_count(len(pair.eval), config.eval_samples, root / "val", "eval_samples")
    return pair


def evaluation_images(config: DataConfig, data_root: Path | None) -> DataSet:
    """The evaluation split alone: of train only the class folders are looked at, and where there is no train, val's.

    Raises:
        ConfigError, DataError: see `image_folder`.
    """
    mode = _check_shape(config)
    root = _root(config, data_root)
    images: DataSet
    if has_shards(root):
        split = read_index(root)["val"]
        _check_classes(split.listing.classes, config, root)
        images = ShardSet(root, split, mode)
    else:
        named = root / ("train" if (root / "train").is_dir() else "val")
        classes = class_folders(named)
        _check_classes(classes, config, named)
        scanned = scan(root / "val")
        refuse_unknown_classes(scanned, classes, root / "val")
        images = FolderSet(root / "val", list_split(scanned, classes), mode)
    _check_count(len(images), config.eval_samples, root / "val", "eval_samples")
    return images


def list_folder(root: Path, config: DataConfig | None = None) -> tuple[Listing, Listing]:
    """Lists of train and val of a folder.

    Raises:
        DataError: a folder, a class or files are missing, or (with a config) another number of classes.
    """
    train = scan(root / "train")
    classes = tuple(part.name for part in train)
    if config is not None:
        _check_classes(classes, config, root / "train")
    evaluation = scan(root / "val")
    refuse_unknown_classes(evaluation, classes, root / "val")
    return list_split(train, classes), list_split(evaluation, classes)


def _check_shape(config: DataConfig) -> str:
    """PIL's mode for the channels."""
    if config.channels not in _MODES:
        raise ConfigError(
            f"{config.channels} channels with source=image_folder",
            where="data.channels",
            now="write 3 (RGB) or 1 (gray)",
        )
    if config.resize is None or config.resize < config.image_size:
        raise ConfigError(
            f"resize={config.resize} with image_size={config.image_size}",
            where="data.resize",
            now="the center crop is cut from the resized image: write image_size or more (256 for 224)",
        )
    return _MODES[config.channels]


def _root(config: DataConfig, data_root: Path | None) -> Path:
    if config.folder is None:
        raise ConfigError("null with source=image_folder", where="data.folder", now="name a folder in launch.data_root")
    if data_root is None:
        raise DataError(
            "no data root is set", where="launch.data_root", now=f"set it to the folder that holds {config.folder}/"
        )
    root = data_root / config.folder
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder",
            where="launch.data_root",
            now=f"set it to the folder that holds {config.folder}/, with {LAYOUT} inside",
        )
    return root


def _check_classes(classes: tuple[str, ...], config: DataConfig, where: Path) -> None:
    if len(classes) != config.classes:
        raise DataError(
            f"{len(classes)} class folders, the config says {config.classes}",
            where=str(where),
            now=f"complete the folder, or set data.classes={len(classes)}",
        )


def _check_count(count: int, expected: int | None, split: Path, key: str) -> None:
    if expected is not None and count != expected:
        raise DataError(
            f"{count} images, the config says {expected}",
            where=f"{split}, data.{key}",
            now=f"complete the copy, or set data.{key}={count} (null: take what is there)",
        )
