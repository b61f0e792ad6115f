"""From an image folder to shards (see `shards`): whole files only, and what is there already is not written again.

Where every image will lie follows from names, sizes and the number of shards alone, so a run that was broken off
continues by looking at which shards are there. Each shard opens with a comment that says what it is a part of.
"""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

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
    splits = [_lay_out("train", train, count), _lay_out("val", evaluation, alike)]
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target / INDEX, error) from error
    done = _found(target, splits)
    jobs = [_Shard(source, target, split, number) for split in splits for number in range(split.shards)]
    open_jobs = [job for job in jobs if job.path.name not in done]
    _write_all(open_jobs, len(jobs), say)
    write_atomic(target / INDEX, encode_index(splits))
    return Prepared(splits[0], splits[1], written=len(open_jobs), kept=len(done))


def _write_all(jobs: list[_Shard], total: int, say: Say) -> None:
    began, images, left = time.monotonic(), 0, sum(len(job.samples) for job in jobs)
    for place, job in enumerate(jobs, total - len(jobs) + 1):
        job.write()
        images += len(job.samples)
        pace = images / max(time.monotonic() - began, 1e-9)
        say(f"{place} of {total} shards: {job.path.name}, {pace:,.0f} images/s, {(left - images) / pace:,.0f} s left")


def _lay_out(split: str, listing: Listing, shards: int) -> ShardedSplit:
    """Where everything will lie in so many shards."""
    starts = [len(listing) * shard // shards for shard in range(shards + 1)]
    offsets = np.empty(len(listing), dtype=np.int64)
    lengths = []
    sizes = listing.sizes.tolist()
    for shard, (start, stop) in enumerate(pairwise(starts)):
        place = len(_opening(split, shard, shards, listing.fingerprint))
        for sample in range(start, stop):
            image, label = _headers(listing, sample)
            offsets[sample] = place + image
            place += image + _blocks(sizes[sample]) + label + _BLOCK
        lengths.append(-(-(place + 2 * _BLOCK) // _RECORD) * _RECORD)
    return ShardedSplit(
        split=split,
        listing=listing,
        starts=np.array(starts, dtype=np.int64),
        offsets=offsets,
        lengths=np.array(lengths, dtype=np.int64),
    )


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _headers(listing: Listing, sample: int) -> tuple[int, int]:
    """Lengths of the headers of an image and of its label."""
    name = listing.name(sample)
    if name.isascii() and len(name) < 90:
        return _BLOCK, _BLOCK
    label = f"{os.path.splitext(name)[0]}.cls"
    return len(_buffer(_entry(name, int(listing.sizes[sample])))), len(_buffer(_entry(label, 1)))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """An entry that says nothing of who made it, and when: equal images give equal shards."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def _buffer(entry: tarfile.TarInfo) -> bytes:
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _opening(split: str, shard: int, shards: int, fingerprint: str) -> bytes:
    """The comment that a shard begins with, as a tar header."""
    comment = f"an-cli shard {shard} of {shards} of {split}, data set {fingerprint}"
    return tarfile.TarInfo.create_pax_global_header({"comment": comment})


def _found(target: Path, splits: list[ShardedSplit]) -> set[str]:
    """Names of the shards that are there.

    Raises:
        DataError: one of another source, or of another number of shards.
    """
    wanted = {one.file_name(shard): (one, shard) for one in splits for shard in range(one.shards)}
    found = sorted(path for path in target.glob("*-of-*.tar") if not path.name.startswith("."))
    for path in found:
        one, shard = wanted.get(path.name, (None, 0))
        if one is None or not _is_part_of(path, one, shard):
            raise DataError(
                f"{path.name} is not a shard of this folder in this number of shards",
                where=str(target),
                now="give the --shards that it was begun with, or name an empty folder",
            )
    for part in target.glob(".*.tar.*.part"):  # of a run that was broken off
        part.unlink(missing_ok=True)
    return {path.name for path in found}


def _is_part_of(path: Path, split: ShardedSplit, shard: int) -> bool:
    opening = _opening(split.split, shard, split.shards, split.listing.fingerprint)
    with path.open("rb") as file:
        return file.read(len(opening)) == opening and path.stat().st_size == int(split.lengths[shard])


@dataclass(frozen=True)
class _Shard:
    """One shard to be written."""

    source: Path
    target: Path
    split: ShardedSplit
    number: int

    @property
    def path(self) -> Path:
        return self.target / self.split.file_name(self.number)

    @property
    def samples(self) -> range:
        return range(int(self.split.starts[self.number]), int(self.split.starts[self.number + 1]))

    def write(self) -> None:
        """Write it beside its place, then rename it over it."""
        part = part_name(self.path)
        try:
            with part.open("wb") as file:
                self._fill(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
            sync_folder(self.target)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _fill(self, file: BinaryIO) -> None:
        listing, labels = self.split.listing, self.split.listing.labels
        file.write(_opening(self.split.split, self.number, self.split.shards, listing.fingerprint))
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
            for sample, raw in self._images():
                name, label = listing.name(sample), str(int(labels[sample])).encode()
                tar.addfile(_entry(name, len(raw)), BytesIO(raw))
                tar.addfile(_entry(f"{os.path.splitext(name)[0]}.cls", len(label)), BytesIO(label))

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
