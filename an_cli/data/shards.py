"""Images in a few large tar files and an index: the form that suits a network file system.

FOLDER/{train,val}-00003-of-00128.tar are WebDataset shards: each image is CLASS/FILE, followed by CLASS/FILE with the
ending .cls that holds its label. The images are in data-set order. `index.npz` says where each lies, so that any sample
is one read of exactly its bytes, whatever the order, and its checksum. It is written last: shards without it are
unfinished. A shard opens with a comment that says what it is a part of, and the checksum of all that follows.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from an_cli.config.schema import Augment
from an_cli.data.dataset import View
from an_cli.data.decode import decode
from an_cli.data.listing import Listing
from an_cli.errors import DataError

INDEX = "index.npz"
_FORMAT = 1
_SPLITS = ("train", "val")
_ANEW = "copy the shard again, or give its `an-cli data prepare` again: it writes what is damaged anew"
_AGAIN = "finish it with: an-cli data prepare SRC DST"


@dataclass(frozen=True, eq=False)
class ShardedSplit:
    """The images of one split and where they lie.

    Attributes:
        split: "train" or "val".
        listing: the images.
        starts: first sample of each shard, and the number of samples. Shape (shards + 1,).
        offsets: where each image's bytes begin in its shard. Shape (n,).
        lengths: of the shards, in bytes. Shape (shards,).
        checksums: CRC-32 of each image; None in shards of an an-cli that wrote none. Shape (n,).
    """

    split: str
    listing: Listing
    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    checksums: NDArray[np.uint32] | None = None

    @property
    def shards(self) -> int:
        return len(self.lengths)

    def file_name(self, shard: int) -> str:
        """For example "train-00003-of-00128.tar"."""
        return f"{self.split}-{shard:05d}-of-{self.shards:05d}.tar"

    def opening(self, shard: int, checksum: int | None) -> bytes:
        """The comment that a shard begins with, as a tar header of 1024 bytes.

        Args:
            shard: which.
            checksum: CRC-32 of all that follows; None as an an-cli wrote that counted none.
        """
        comment = f"an-cli shard {shard} of {self.shards} of {self.split}, data set {self.listing.fingerprint}"
        counted = "" if checksum is None else f", crc32 of the rest {checksum:08x}"
        return tarfile.TarInfo.create_pax_global_header({"comment": comment + counted})

    def is_shard(self, shard: int, path: Path) -> bool:
        """Whether a file is this shard, whole or not, as far as its opening says."""
        with path.open("rb") as file:
            return self._opened(shard, file)[0]

    def _opened(self, shard: int, file: BinaryIO) -> tuple[bool, int | None]:
        raw = file.read(len(self.opening(shard, None)))
        digits = re.search(rb"crc32 of the rest ([0-9a-f]{8})\n", raw)
        checksum = int(digits[1], 16) if digits else None
        return raw == self.opening(shard, checksum), checksum

    def count_checksums(self, shard: int, path: Path) -> NDArray[np.uint32] | None:
        """CRC-32 of each image of a shard, read from its file; None where its bytes are not those that were written.

        Raises:
            OSError: it cannot be read.
        """
        samples, whole = range(int(self.starts[shard]), int(self.starts[shard + 1])), 0
        checksums = np.empty(len(samples), dtype=np.uint32)
        with path.open("rb") as file:
            sound, expected = self._opened(shard, file)
            for number, sample in enumerate(samples):
                between = file.read(int(self.offsets[sample]) - file.tell())
                image = file.read(int(self.listing.sizes[sample]))
                checksums[number] = zlib.crc32(image)
                whole = zlib.crc32(image, zlib.crc32(between, whole))
            while rest := file.read(2**20):
                whole = zlib.crc32(rest, whole)
            sound = sound and file.tell() == int(self.lengths[shard])
        return checksums if sound and expected in (None, whole) else None


class ShardSet:
    """The images of one split, read from shards. Equal in every pixel to the folder that the shards were made from."""

    augments = frozenset({Augment.NONE, Augment.RESIZED_CROP})
    on_disk = True

    def __init__(self, root: Path, split: ShardedSplit, mode: str) -> None:
        self.classes, self.labels = split.listing.classes, split.listing.labels
        self.fingerprint = split.listing.fingerprint
        self._split, self._mode = split, mode
        self._files = _Files(tuple(str(root / split.file_name(shard)) for shard in range(split.shards)))
        self._files.check(split.lengths)

    def __len__(self) -> int:
        return len(self._split.listing)

    def where(self, sample: int) -> str:
        """File and name of one sample, for messages."""
        return f"{self._files.paths[self._shard(sample)]}: {self._split.listing.name(sample)}"

    def raw(self, sample: int) -> bytes:
        """The bytes of one sample's image file.

        Raises:
            DataError: they cannot be read.
        """
        size = int(self._split.listing.sizes[sample])
        try:
            raw = self._files.read(self._shard(sample), int(self._split.offsets[sample]), size)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", where=self.where(sample), now="try again") from error
        if len(raw) != size:
            raise DataError(f"{len(raw)} of {size} bytes", where=self.where(sample), now="copy the shard again")
        if self._split.checksums is not None and zlib.crc32(raw) != int(self._split.checksums[sample]):
            raise DataError("bytes of the image have changed since it was packed", where=self.where(sample), now=_ANEW)
        return raw

    def read(self, samples: NDArray[np.int64], view: View) -> Tensor:
        """Decoded, cropped and resized images. Shape (len(samples), c, image_size, image_size), uint8.

        Raises:
            DataError: an image that cannot be read.
        """
        images = [self._decode(int(sample), view) for sample in samples]
        return torch.from_numpy(np.stack(images))

    def _decode(self, sample: int, view: View) -> NDArray[np.uint8]:
        return decode(io.BytesIO(self.raw(sample)), sample, view, mode=self._mode, where=lambda: self.where(sample))

    def _shard(self, sample: int) -> int:
        return int(np.searchsorted(self._split.starts, sample, side="right")) - 1


class _Files:
    """Open files, read at a place without a shared position, so that forked loader workers may share them."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths
        self._open: list[int] = []
        for path in paths:
            try:
                self._open.append(os.open(path, os.O_RDONLY))
            except OSError as error:
                raise DataError(f"a shard cannot be opened: {error.strerror}", where=path, now=_AGAIN) from error

    def __reduce__(self) -> tuple[type[_Files], tuple[tuple[str, ...]]]:
        return _Files, (self.paths,)

    def __del__(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)

    def check(self, lengths: NDArray[np.int64]) -> None:
        """Make sure that no shard was cut short on its way here."""
        for path, descriptor, length in zip(self.paths, self._open, lengths.tolist(), strict=True):
            if (actual := os.fstat(descriptor).st_size) != length:
                raise DataError(f"{actual} bytes, the index says {length}", where=path, now="copy the shard again")

    def read(self, shard: int, offset: int, size: int) -> bytes:
        return os.pread(self._open[shard], size, offset)


def has_shards(root: Path) -> bool:
    """Whether a folder holds finished shards.

    Raises:
        DataError: it holds nothing but unfinished ones.
    """
    if (root / INDEX).is_file():
        return True
    if not (root / "train").is_dir() and next(root.glob("*-of-*.tar"), None) is not None:
        raise DataError("the shards are unfinished: no index.npz", where=str(root), now=_AGAIN)
    return False


def encode_index(splits: list[ShardedSplit]) -> bytes:
    """Bytes of an `index.npz`."""
    arrays: dict[str, Any] = {"format": np.array(_FORMAT), "classes": _block(splits[0].listing.classes)}
    for split in splits:
        listing = split.listing
        arrays |= {
            f"{split.split}.counts": listing.counts,
            f"{split.split}.names": np.frombuffer(listing.names, dtype=np.uint8),
            f"{split.split}.ends": listing.ends,
            f"{split.split}.sizes": listing.sizes,
            f"{split.split}.starts": split.starts,
            f"{split.split}.offsets": split.offsets,
            f"{split.split}.lengths": split.lengths,
        }
        if split.checksums is not None:
            arrays[f"{split.split}.checksums"] = split.checksums
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_index(root: Path) -> dict[str, ShardedSplit]:
    """Both splits of a folder of shards, by name.

    Raises:
        DataError: the index cannot be read, or a newer an-cli has written it.
    """
    path = root / INDEX
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if int(arrays["format"]) > _FORMAT:
                raise DataError("a newer an-cli has written the index", where=str(path), now="upgrade an-cli")
            classes = tuple(os.fsdecode(name) for name in arrays["classes"].tobytes().split(b"\0")[:-1])
            return {split: _split(arrays, split, classes) for split in _SPLITS}
    except DataError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise of a dozen kinds for bytes that are not an index's
        text = " ".join(str(error).split())[:200]
        raise DataError(
            f"the index cannot be read: {text or type(error).__name__}", where=str(path), now=_AGAIN
        ) from error


def _split(arrays: Any, split: str, classes: tuple[str, ...]) -> ShardedSplit:
    def integers(name: str, length: int | None = None) -> NDArray[Any]:
        array = arrays[f"{split}.{name}"]
        sound = isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "iu"
        if not sound or (length is not None and len(array) != length):
            raise ValueError(f"{split}.{name} is damaged")
        return np.asarray(array)

    counts = integers("counts", len(classes))
    images = int(counts.sum())
    listing = Listing(
        classes=classes,
        counts=counts,
        names=integers("names").tobytes(),
        ends=integers("ends", images),
        sizes=integers("sizes", images),
    )
    places = {name: integers(name) for name in ("starts", "offsets", "lengths")}
    counted = integers("checksums", images).astype(np.uint32) if f"{split}.checksums" in arrays else None
    return ShardedSplit(split=split, listing=listing, checksums=counted, **places)


def _block(names: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(os.fsencode(name) + b"\0" for name in names), dtype=np.uint8)
