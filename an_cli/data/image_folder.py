"""Image folders in ImageNet's layout: ROOT/FOLDER/{train,val}/CLASS/*.JPEG.

Samples are in order of class name, then file name. A fingerprint covers names and sizes, not pixels: reading 1.3
million files to hash them would take as long as an epoch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from an_cli.config.schema import Augment, DataConfig
from an_cli.data.dataset import DataPair, View
from an_cli.data.decode import decode
from an_cli.errors import ConfigError, DataError

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff")
_LAYOUT = "train/CLASS/*.JPEG and val/CLASS/*.JPEG"
_SCAN_THREADS = 16  # on a network file system a scan waits, it does not compute
_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class _ClassFiles:
    name: str
    files: tuple[str, ...]
    sizes: tuple[int, ...]


class FolderSet:
    """The image files of one split.

    All names lie in one block of bytes: a list of a million strings would be copied, page by page, into every loader
    worker as their reference counts change.
    """

    augments = frozenset({Augment.NONE, Augment.RESIZED_CROP})
    on_disk = True

    def __init__(self, split: Path, scanned: list[_ClassFiles], classes: tuple[str, ...], mode: str) -> None:
        self.classes = classes
        self.fingerprint = _fingerprint(scanned, classes)
        label_of = {name: label for label, name in enumerate(classes)}
        labels = np.array([label_of[part.name] for part in scanned], dtype=np.int64)
        self.labels: NDArray[np.int64] = np.repeat(labels, [len(part.files) for part in scanned])
        names = [os.fsencode(name) for part in scanned for name in part.files]
        self._names = b"".join(names)
        self._ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        self._split, self._mode = split, mode

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, sample: int) -> Path:
        """File of one sample."""
        start = int(self._ends[sample - 1]) if sample else 0
        name = os.fsdecode(self._names[start : int(self._ends[sample])])
        return self._split / self.classes[int(self.labels[sample])] / name

    def read(self, samples: NDArray[np.int64], view: View) -> Tensor:
        """Decoded, cropped and resized images. Shape (len(samples), c, image_size, image_size), uint8.

        Raises:
            DataError: a file that cannot be read as an image.
        """
        images = [decode(self.path(int(sample)), int(sample), view, mode=self._mode) for sample in samples]
        return torch.from_numpy(np.stack(images))


def image_folder(config: DataConfig, data_root: Path | None) -> DataPair:
    """Scan both splits and check them against the config.

    Args:
        config: `folder` is looked up in `data_root`; `classes` and the sample counts are expectations.
        data_root: launch.data_root, resolved.

    Raises:
        ConfigError: channels or sizes that image files cannot give.
        DataError: a folder, a class or files are missing, or the counts are not those of the config.
    """
    mode = _check_shape(config)
    root = _root(config, data_root)
    train, evaluation = _scan(root / "train"), _scan(root / "val")
    classes = tuple(part.name for part in train)
    if len(classes) != config.classes:
        raise DataError(
            f"{len(classes)} class folders, the config says {config.classes}",
            where=str(root / "train"),
            now=f"complete the folder, or set data.classes={len(classes)}",
        )
    unknown = sorted({part.name for part in evaluation} - set(classes))
    if unknown:
        raise DataError(
            f"class {unknown[0]!r} of val is not in train ({len(unknown)} such)",
            where=str(root / "val"),
            now="give both splits the same class folders",
        )
    pair = DataPair(
        train=FolderSet(root / "train", train, classes, mode), eval=FolderSet(root / "val", evaluation, classes, mode)
    )
    _check_count(len(pair.train), config.train_samples, root / "train", "train_samples")
    _check_count(len(pair.eval), config.eval_samples, root / "val", "eval_samples")
    return pair


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
            now=f"set it to the folder that holds {config.folder}/, with {_LAYOUT} inside",
        )
    return root


def _scan(split: Path) -> list[_ClassFiles]:
    """Class folders of a split in order of name, with their image files in order of name."""
    if not split.is_dir():
        raise DataError(f"no folder {split.name}/", where=str(split), now=f"expected {_LAYOUT}")
    with os.scandir(split) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise DataError(
            "no class folders", where=str(split), now=f"sort the images into one folder per class: expected {_LAYOUT}"
        )
    with ThreadPoolExecutor(_SCAN_THREADS) as pool:
        scanned = list(pool.map(lambda name: _scan_class(split / name), names))
    empty = [part.name for part in scanned if not part.files]
    if empty:
        raise DataError(
            f"class {empty[0]!r} holds no image ({len(empty)} such)",
            where=str(split / empty[0]),
            now=f"complete the copy, or remove the folder; read are {' '.join(SUFFIXES)}",
        )
    return scanned


def _scan_class(folder: Path) -> _ClassFiles:
    found = sorted(_images_of(folder))
    return _ClassFiles(folder.name, tuple(name for name, _ in found), tuple(size for _, size in found))


def _images_of(folder: Path) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".") and entry.is_file():
                yield entry.name, entry.stat().st_size


def _fingerprint(scanned: list[_ClassFiles], classes: tuple[str, ...]) -> str:
    """SHA-256 over the class names and every (relative path, size), as hex. NUL ends a name: no path holds one."""
    digest = hashlib.sha256(b"".join(os.fsencode(name) + b"\0" for name in classes) + b"\0")
    for part in scanned:
        lines = (f"{part.name}/{name}\0{size}\n" for name, size in zip(part.files, part.sizes, strict=True))
        digest.update(os.fsencode("".join(lines)))
    return digest.hexdigest()


def _check_count(found: int, expected: int | None, split: Path, key: str) -> None:
    if expected is not None and found != expected:
        raise DataError(
            f"{found} images, the config says {expected}",
            where=f"{split}, data.{key}",
            now=f"complete the copy, or set data.{key}={found} (null: take what is there)",
        )
