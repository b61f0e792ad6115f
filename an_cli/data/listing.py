"""Which images a data set of files holds, in which order: class name first, then folder below it, then file name.

Folders below a class are looked through as torchvision's `ImageFolder` does, links followed (tiny-imagenet has
CLASS/images/*.JPEG).

The list is all that a fingerprint covers, so the same images have one fingerprint, as files in folders or in shards.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from an_cli.errors import DataError

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff")
LAYOUT = "train/CLASS/*.JPEG and val/CLASS/*.JPEG"
_File = tuple[str, int]  # name and size
_SCAN_THREADS = 16  # on a network file system a scan waits, it does not compute


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of one split.

    All names lie in one block of bytes: a list of a million strings would be copied, page by page, into every loader
    worker as their reference counts change.

    Attributes:
        classes: class names; a label is an index into them.
        counts: images of each class. Shape (classes,).
        names: file names below their class folder, one after the other.
        ends: where each name ends. Shape (n,).
        sizes: of the files, in bytes. Shape (n,).
    """

    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    names: bytes
    ends: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class of each image. Shape (n,)."""
        return np.repeat(np.arange(len(self.classes), dtype=np.int64), self.counts)

    def name(self, sample: int) -> str:
        """CLASS/FILE of one image, or CLASS/FOLDER/FILE."""
        start = int(self.ends[sample - 1]) if sample else 0
        return f"{self.classes[int(self.labels[sample])]}/{os.fsdecode(self.names[start : int(self.ends[sample])])}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the class names and every (CLASS/FILE, size), as hex. NUL ends a name: no path holds one."""
        digest = hashlib.sha256(b"".join(os.fsencode(name) + b"\0" for name in self.classes) + b"\0")
        ends = np.concatenate([[0], self.ends]).tolist()
        files = zip(ends, ends[1:], self.sizes.tolist(), strict=False)
        for folder, count in zip(self.classes, self.counts.tolist(), strict=True):
            start = os.fsencode(folder) + b"/"
            lines = (start + self.names[begin:end] + b"\0%d\n" % size for begin, end, size in islice(files, count))
            digest.update(b"".join(lines))
        return digest.hexdigest()


@dataclass(frozen=True)
class ClassFiles:
    """One class folder: its image files in order of name, and their sizes."""

    name: str
    files: tuple[str, ...]
    sizes: tuple[int, ...]


def list_split(scanned: list[ClassFiles], classes: tuple[str, ...]) -> Listing:
    """The list of a scanned split; a class that it lacks has no images."""
    parts = {part.name: part for part in scanned}
    names = [os.fsencode(name) for part in scanned for name in part.files]
    return Listing(
        classes=classes,
        counts=np.array([len(parts[name].files) if name in parts else 0 for name in classes], dtype=np.int64),
        names=b"".join(names),
        ends=np.cumsum([len(name) for name in names], dtype=np.int64),
        sizes=np.array([size for part in scanned for size in part.sizes], dtype=np.int64),
    )


def scan(split: Path) -> list[ClassFiles]:
    """Class folders of a split in order of name, with their image files in order of name.

    Raises:
        DataError: no such folder, no class in it, a class without images, one that may not be read, or a link that
            leads nowhere.
    """
    names = class_folders(split)
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


def class_folders(split: Path) -> tuple[str, ...]:
    """Names of the class folders of a split, sorted.

    Raises:
        DataError: no such folder, or no class in it.
    """
    try:
        with os.scandir(split) as scanned:
            entries = [entry for entry in scanned if not entry.name.startswith(".")]
            names = sorted(entry.name for entry in entries if entry.is_dir())
            gone = sorted(entry.name for entry in entries if entry.is_symlink() and not os.path.exists(entry.path))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"no folder {split.name}/", where=str(split), now=f"expected {LAYOUT}") from error
    except OSError as error:
        raise _unlistable(error, split) from error
    if gone:
        raise DataError(
            f"{gone[0]} is a link that leads nowhere ({len(gone)} such)",
            where=str(split),
            now="bring back what it leads to, or remove it",
        )
    if not names:
        raise DataError(
            "no class folders", where=str(split), now=f"sort the images into one folder per class: expected {LAYOUT}"
        )
    return tuple(names)


def refuse_unknown_classes(evaluation: list[ClassFiles], classes: tuple[str, ...], split: Path) -> None:
    """Make sure that every class of the evaluation split is one of training.

    Raises:
        DataError: one is not.
    """
    unknown = sorted({part.name for part in evaluation} - set(classes))
    if unknown:
        raise DataError(
            f"class {unknown[0]!r} of val is not in train ({len(unknown)} such)",
            where=str(split),
            now="give both splits the same class folders",
        )


def _scan_class(folder: Path) -> ClassFiles:
    # A link to the split, or to a folder above it, would make every image of it one of this class.
    above = frozenset((status.st_dev, status.st_ino) for status in map(os.stat, folder.resolve().parents))
    images = [
        (f"{below}{name}", size)
        for below, files in sorted(_folders_of(str(folder), "", above), key=lambda pair: pair[0].removesuffix("/"))
        for name, size in sorted(files)
    ]
    return ClassFiles(folder.name, tuple(name for name, _ in images), tuple(size for _, size in images))


def _folders_of(folder: str, below: str, above: frozenset[tuple[int, int]]) -> Iterator[tuple[str, list[_File]]]:
    """Each folder from here downwards, named from its class with a slash at the end, and its images.

    Args:
        folder: to look into.
        below: its name from its class folder.
        above: devices and inodes of the folders that it lies in: a link to one of them would never end.
    """
    files: list[_File] = []
    try:
        status = os.stat(folder)
        here = (status.st_dev, status.st_ino)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    inside = entry.stat()
                    if (inside.st_dev, inside.st_ino) not in above | {here}:
                        yield from _folders_of(entry.path, f"{below}{entry.name}/", above | {here})
                elif entry.name.lower().endswith(SUFFIXES):
                    if entry.is_file():
                        files.append((entry.name, entry.stat().st_size))
                    elif entry.is_symlink():
                        raise DataError(
                            f"{entry.name} is a link to {os.readlink(entry.path)}, which is not there",
                            where=folder,
                            now="bring back what the links lead to, or remove them",
                        )
    except OSError as error:
        raise _unlistable(error, Path(folder)) from error
    yield below, files


def _unlistable(error: OSError, folder: Path) -> DataError:
    return DataError(
        f"a folder cannot be listed: {error.strerror}",
        where=str(folder),
        now="let yourself read it: chmod, or its owner",
    )
