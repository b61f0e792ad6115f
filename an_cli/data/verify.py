"""What a folder of images, or of shards, holds: counts, fingerprints, and every image that cannot be decoded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path

from an_cli.data.image_folder import list_folder
from an_cli.data.listing import Listing
from an_cli.data.picture import picture
from an_cli.data.shards import ShardedSplit, ShardSet, has_shards, read_index
from an_cli.errors import DataError

SAY_EVERY_S = 5.0
_AT_ONCE = 512  # images handed to the threads before their answers are taken
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """One split as it lies there.

    Attributes:
        samples: images.
        bytes: of all image files.
        smallest_class, largest_class: images of the class with the fewest and the most.
        absent_classes: class folders of train that this split lacks.
        fingerprint: as `env.jsonl` records it with every attempt.
        unreadable: "where: why" of each image that cannot be decoded.
    """

    samples: int
    bytes: int
    smallest_class: int
    largest_class: int
    absent_classes: tuple[str, ...]
    fingerprint: str
    unreadable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """A data set of files; `shards` is None for a folder of single images."""

    shards: int | None
    classes: int
    train: SplitReport
    eval: SplitReport


def verify(root: Path, *, decode_all: bool = True, say: Say = lambda text: None) -> DataReport:
    """Look at everything that lies in a folder of images or shards.

    Args:
        root: the folder that holds train/ and val/, or the shards.
        decode_all: decode every image; else only names and sizes are looked at.
        say: told every few seconds how far it is.

    Raises:
        DataError: what keeps the folder from being a data set: a split, a class or a shard is missing or cut short.
    """
    if not root.is_dir():
        raise DataError("no such folder", where=str(root), now="name the folder that holds train/ and val/, or shards")
    sources, shards = _shards(root) if has_shards(root) else (_folder(root), None)
    train, evaluation = (_report(source, decode_all, say) for source in sources)
    return DataReport(shards=shards, classes=len(sources[0].listing.classes), train=train, eval=evaluation)


@dataclass(frozen=True)
class _Source:
    """The images of a split in either form: their list, their bytes, and their names for messages."""

    split: str
    listing: Listing
    raw: Callable[[int], bytes]
    where: Callable[[int], str]
    damaged: Callable[[], list[str]] = list  # files of several images whose bytes have changed


def _folder(root: Path) -> list[_Source]:
    def source(split: str, listing: Listing) -> _Source:
        def path(sample: int) -> Path:
            return root / split / listing.name(sample)

        return _Source(split, listing, lambda sample: path(sample).read_bytes(), lambda sample: str(path(sample)))

    return [source(split, listing) for split, listing in zip(("train", "val"), list_folder(root), strict=True)]


def _shards(root: Path) -> tuple[list[_Source], int]:
    index = read_index(root)
    sets = {name: ShardSet(root, split, "RGB") for name, split in index.items()}
    problems = [
        _Source(name, index[name].listing, images.raw, images.where, partial(_damaged, root, index[name]))
        for name, images in sets.items()
    ]
    return problems, sum(split.shards for split in index.values())


def _damaged(root: Path, split: ShardedSplit) -> list[str]:
    paths = [root / split.file_name(shard) for shard in range(split.shards)]
    return [
        f"{path}: its bytes are not those that were written"
        for shard, path in enumerate(paths)
        if split.count_checksums(shard, path) is None
    ]


def _report(source: _Source, decode_all: bool, say: Say) -> SplitReport:
    listing = source.listing
    there = listing.counts[listing.counts > 0]
    absent = [name for name, count in zip(listing.classes, listing.counts, strict=True) if not count]
    return SplitReport(
        samples=len(listing),
        bytes=int(listing.sizes.sum()),
        smallest_class=int(there.min()),
        largest_class=int(there.max()),
        absent_classes=tuple(absent),
        fingerprint=listing.fingerprint,
        unreadable=(*source.damaged(), *_unreadable(source, say)) if decode_all else (),
    )


def _unreadable(source: _Source, say: Say) -> Iterator[str]:
    """Decode everything; PIL's decoders let other threads run meanwhile."""
    n, began, last_report = len(source.listing), time.monotonic(), time.monotonic()
    samples, done = iter(range(n)), 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        while some := list(islice(samples, _AT_ONCE)):
            for sample, why in zip(some, pool.map(lambda sample: _why(source, sample), some), strict=True):
                if why:
                    yield f"{source.where(sample)}: {why}"
            done += len(some)
            if time.monotonic() - last_report >= SAY_EVERY_S:
                last_report = time.monotonic()
                left_s = (last_report - began) / done * (n - done)
                say(f"{source.split}: {done:,} of {n:,} images decoded, {left_s:,.0f} s left")


def _why(source: _Source, sample: int) -> str:
    """Why training could not see an image; empty for a sound one. Opened and converted as training does it."""
    try:
        with picture(BytesIO(source.raw(sample)), lambda: source.where(sample)) as image:
            image.convert("RGB")
    except DataError as error:
        return error.what
    except OSError as error:  # a file that may not be read, a disk that gives an error
        return f"cannot be read: {error.strerror or error}"
    return ""
