"""What the store's place on disk must be able to do, tried out."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass

from an_cli.errors import AnError
from an_cli.files import part_name, write_atomic
from an_cli.store.folder import Store

FEW_BYTES, FEW_FILES = 5 * 2**30, 10_000
SKEW_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        well: whether it is as it should be; None where it is only told.
        found: what was found.
        now: what to do about it, where something should be done.
    """

    name: str
    well: bool | None
    found: str
    now: str = ""


def checks(store: Store) -> list[Check]:
    """Try the disk that a store is, or would be, on."""
    place = store.root
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return [Check(name="store", well=False, found=f"{place} cannot be written", now="choose another with --store")]
    return [_links(store), _clock(store), *_space(store)]


def _links(store: Store) -> Check:
    """Claims and submissions rest on a hard link that only one of many can make."""
    place = store.root if store.root.is_dir() else store.root.parent
    first, second = part_name(place / "check"), part_name(place / "check")
    name = "one of many can take a file"
    try:
        first.touch()
        os.link(first, second)
        try:
            os.link(first, second)
        except FileExistsError:
            return Check(name=name, well=True, found="hard links exclude each other here")
        return Check(name=name, well=False, found="a link replaced another", now="put the store on another file system")
    except OSError as error:
        trouble = f"hard links do not work here: {error.strerror}"
        return Check(name=name, well=False, found=trouble, now="put the store on another file system")
    finally:
        first.unlink(missing_ok=True)
        second.unlink(missing_ok=True)


def _clock(store: Store) -> Check:
    """Heartbeats are read off modification times, which the file server's clock sets."""
    place = store.root if store.root.is_dir() else store.root.parent
    file = part_name(place / "clock")
    try:
        write_atomic(file, b"")
        skew_s = abs(file.stat().st_mtime - time.time())
    except (AnError, OSError) as error:
        return Check(name="clock of the file server", well=False, found=str(error), now="make the store writable")
    finally:
        file.unlink(missing_ok=True)
    well = skew_s <= SKEW_S
    skew = f"{skew_s:.1f} s apart from this machine's"
    return Check(name="clock of the file server", well=well, found=skew, now="" if well else "tell the administrators")


def _space(store: Store) -> list[Check]:
    place = store.root if store.root.is_dir() else store.root.parent
    free, files = shutil.disk_usage(place).free, os.statvfs(place).f_favail
    bytes_ok, files_ok = free >= FEW_BYTES, files >= FEW_FILES or files == 0  # 0: a file system that does not count
    now = "an-cli gc shows what can go"
    return [
        Check(name="free bytes", well=bytes_ok, found=f"{free / 2**30:.1f} GiB", now="" if bytes_ok else now),
        Check(name="free inodes", well=files_ok, found=f"{files:,}", now="" if files_ok else now),
    ]
