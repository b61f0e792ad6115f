"""From an image folder to shards (see `shards`): whole files only, and what is there already is not written again.

Where every image will lie follows from names, sizes and the number of shards alone, so a run that was broken off
continues by looking at which shards are there and sound. Names are such that other readers of WebDataset shards take
them apart rightly: a sample's key ends at the first dot of its file name.
"""

from __future__ import annotations

import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from an_cli.data.image_folder import list_folder
from an_cli.data.listing import Listing
from an_cli.data.shards import INDEX, ShardedSplit, encode_index
from an_cli.errors import DataError
from an_cli.files import cannot_write, part_name, sync_folder, write_atomic

SHARD_BYTES = 2**30  # a shard's size where no number is asked for
MOST_SHARDS = 256  # of a split: each process keeps them all open
_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE
_READ_AHEAD = 256  # images in memory at once
_READ_THREADS = 16  # on a network file system reading small files waits, it does not compute
Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """What was done: both splits as they lie there, and how many shards were written and kept."""

    train: ShardedSplit
    eval: ShardedSplit
    written: int
    kept: int


def prepare(source: Path, target: Path, *, shards: int | None = None, say: Say = lambda text: None) -> Prepared:
    """Write an image folder as shards.

    Args:
        source: a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG.
        target: made where it is missing; a folder with some of these shards is completed.
        shards: of the training split, 1 to 256; those of val hold about as many images, in no more shards. None: of
            1 GiB each.
        say: told about every shard.

    Raises:
        DataError: the source is incomplete or changes meanwhile, or the target holds other shards.
        StoreError: the target cannot be written; finished shards stay.
    """
    if shards is not None and not 1 <= shards <= MOST_SHARDS:
        raise DataError(f"{shards} shards", where="--shards", now=f"write 1 to {MOST_SHARDS}")
    train, evaluation = list_folder(source)
    count = min(shards or -(-int(train.sizes.sum()) // SHARD_BYTES), MOST_SHARDS, len(train))
    alike = min(-(-len(evaluation) * count // len(train)), count)
    names = {"train": shard_names(train), "val": shard_names(evaluation)}
    splits = [_lay_out("train", train, names["train"], count), _lay_out("val", evaluation, names["val"], alike)]
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target / INDEX, error) from error
    jobs = [
        _Shard(source, target, split, names[split.split], number) for split in splits for number in range(split.shards)
    ]
    done = _kept(target, jobs, say)
    open_jobs = [job for job in jobs if job.path.name not in done]
    checksums = done | _write_all(open_jobs, len(jobs), say)
    counted = [
        replace(split, checksums=np.concatenate([checksums[split.file_name(number)] for number in range(split.shards)]))
        for split in splits
    ]
    write_atomic(target / INDEX, encode_index(counted))
    return Prepared(counted[0], counted[1], written=len(open_jobs), kept=len(done))


def shard_names(listing: Listing) -> Mapping[int, str]:
    """Names in a shard of those samples that do not keep their own.

    A name with further dots, or the stem of another file of its folder, would be taken for a part of another sample.
    """
    by_sample: dict[int, str] = {}
    for start, stop in pairwise([0, *np.cumsum(listing.counts).tolist()]):
        names = [(sample, *os.path.splitext(listing.name(sample))) for sample in range(start, stop)]
        plain = [stem for _, stem, _ in names if "." not in os.path.basename(stem)]
        taken, kept = set(plain), set[str]()
        for sample, stem, ending in names:
            key, number = stem, 1
            if stem in kept or "." in os.path.basename(stem):
                folder, name = os.path.split(stem)
                first = key = f"{folder}/{name.replace('.', '_')}"
                while key in taken:
                    number += 1
                    key = f"{first}_{number}"
                taken.add(key)
            kept.add(key)
            key = f"./{key}" if key.startswith("__") else key  # which readers take for a file about the shard
            if key != stem:
                by_sample[sample] = key + ending
    return by_sample


def _write_all(jobs: list[_Shard], total: int, say: Say) -> dict[str, NDArray[np.uint32]]:
    """Write them; returns each one's images' checksums."""
    began, images, left = time.monotonic(), 0, sum(len(job.samples) for job in jobs)
    checksums = {}
    for place, job in enumerate(jobs, total - len(jobs) + 1):
        checksums[job.path.name] = job.write()
        images += len(job.samples)
        pace = images / max(time.monotonic() - began, 1e-9)
        say(f"{place} of {total} shards: {job.path.name}, {pace:,.0f} images/s, {(left - images) / pace:,.0f} s left")
    return checksums


def _lay_out(split: str, listing: Listing, names: Mapping[int, str], shards: int) -> ShardedSplit:
    """Where everything will lie in so many shards."""
    starts = [len(listing) * shard // shards for shard in range(shards + 1)]
    offsets = np.empty(len(listing), dtype=np.int64)
    sizes = listing.sizes.tolist()
    laid_out = ShardedSplit(
        split=split,
        listing=listing,
        starts=np.array(starts, dtype=np.int64),
        offsets=offsets,
        lengths=np.zeros(shards, dtype=np.int64),
    )
    for shard, (start, stop) in enumerate(pairwise(starts)):
        place = len(laid_out.opening(shard, 0))
        for sample in range(start, stop):
            image, label = _headers(names.get(sample) or listing.name(sample), sizes[sample])
            offsets[sample] = place + image
            place += image + _blocks(sizes[sample]) + label + _BLOCK
        laid_out.lengths[shard] = -(-(place + 2 * _BLOCK) // _RECORD) * _RECORD
    return laid_out


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _headers(name: str, size: int) -> tuple[int, int]:
    """Lengths of the headers of an image and of its label."""
    if name.isascii() and len(name) < 90:
        return _BLOCK, _BLOCK
    label = f"{os.path.splitext(name)[0]}.cls"
    return len(_buffer(_entry(name, size))), len(_buffer(_entry(label, 1)))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """An entry that says nothing of who made it, and when: equal images give equal shards."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def _buffer(entry: tarfile.TarInfo) -> bytes:
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _kept(target: Path, jobs: list[_Shard], say: Say) -> dict[str, NDArray[np.uint32]]:
    """Shards that are there and sound, and the checksums of their images; damaged ones are left out.

    Raises:
        DataError: one of another source, or of another number of shards.
    """
    wanted = {job.path.name: job for job in jobs}
    kept = {}
    for path in sorted(path for path in target.glob("*-of-*.tar") if not path.name.startswith(".")):
        job = wanted.get(path.name)
        if job is None or not job.split.is_shard(job.number, path):
            raise DataError(
                f"{path.name} is not a shard of this folder in this number of shards, or is damaged",
                where=str(target),
                now="give the --shards that it was begun with, name an empty folder, or remove the file",
            )
        checksums = job.split.count_checksums(job.number, path)
        if checksums is None:
            say(f"{path.name} is damaged and is written anew")
        else:
            kept[path.name] = checksums
    for part in target.glob(".*.tar.*.part"):  # of a run that was broken off
        part.unlink(missing_ok=True)
    return kept


class _Counting:
    """A file that counts the checksum of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.checksum = file, 0

    def write(self, data: bytes) -> int:
        self.checksum = zlib.crc32(data, self.checksum)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()


@dataclass(frozen=True)
class _Shard:
    """One shard to be written."""

    source: Path
    target: Path
    split: ShardedSplit
    names: Mapping[int, str]
    number: int

    @property
    def path(self) -> Path:
        return self.target / self.split.file_name(self.number)

    @property
    def samples(self) -> range:
        return range(int(self.split.starts[self.number]), int(self.split.starts[self.number + 1]))

    def write(self) -> NDArray[np.uint32]:
        """Write it beside its place, then rename it over it; returns the checksums of its images."""
        part = part_name(self.path)
        try:
            with part.open("wb") as file:
                checksums = self._fill(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
            sync_folder(self.target)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return checksums

    def _fill(self, file: BinaryIO) -> NDArray[np.uint32]:
        listing, labels = self.split.listing, self.split.listing.labels
        file.write(self.split.opening(self.number, 0))
        rest, checksums = _Counting(file), []
        with tarfile.open(fileobj=rest, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:  # type: ignore[call-overload]
            for sample, raw in self._images():
                name, label = self.names.get(sample) or listing.name(sample), str(int(labels[sample])).encode()
                tar.addfile(_entry(name, len(raw)), BytesIO(raw))
                tar.addfile(_entry(f"{os.path.splitext(name)[0]}.cls", len(label)), BytesIO(label))
                checksums.append(zlib.crc32(raw))
        file.seek(0)
        file.write(self.split.opening(self.number, rest.checksum))
        return np.array(checksums, dtype=np.uint32)

    def _images(self) -> Iterator[tuple[int, bytes]]:
        with ThreadPoolExecutor(_READ_THREADS) as pool:
            for start in range(self.samples.start, self.samples.stop, _READ_AHEAD):
                some = range(start, min(start + _READ_AHEAD, self.samples.stop))
                yield from zip(some, pool.map(self._image, some), strict=True)

    def _image(self, sample: int) -> bytes:
        path = self.source / self.split.split / self.split.listing.name(sample)
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise DataError(f"an image cannot be read: {error.strerror}", where=str(path), now="try again") from error
        if len(raw) != (size := int(self.split.listing.sizes[sample])):
            raise DataError(f"{size} bytes have become {len(raw)}", where=str(path), now="try again when nobody writes")
        return raw
