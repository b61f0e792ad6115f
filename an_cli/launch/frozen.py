"""Frozen code: what was submitted is what runs.

The package's files, and those of plug-in packages, are copied once per distinct tree to `.an-cli/code/<tree>/`, where
the name is a digest over every name and every byte. Workers import from there; editing, renaming or deleting sources
while jobs wait changes nothing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from an_cli.errors import LaunchError
from an_cli.files import cannot_write, part_name, subfolders, sync_folder
from an_cli.store import Store

PACKAGE = Path(__file__).resolve().parent.parent
_NOT_CODE = ("__pycache__", ".git", ".env*", ".netrc", "*.pem", "*.key")  # caches, and where people leave secrets


def freeze(store: Store, packages: Iterable[Path] | None = None) -> Path:
    """Copy the code into the store, unless this tree is there already.

    Args:
        store: where.
        packages: folders of the packages; None takes an_cli and the packages that plug into it.

    Returns:
        The folder that goes in front of a worker's import path.

    Raises:
        StoreError: the store cannot be written.
        LaunchError: the sources changed while they were copied.
    """
    packages = sorted(packages if packages is not None else [PACKAGE, *plug_ins()])
    tree = tree_digest(packages)
    place = store.code / tree
    if place.is_dir():
        return place
    part = part_name(place)
    try:
        part.mkdir(parents=True)
        for package in packages:
            shutil.copytree(package, part / package.name, ignore=shutil.ignore_patterns(*_NOT_CODE))
        if frozen_digest(part) != tree:
            raise LaunchError("the sources changed while they were copied", where=str(PACKAGE), now="try again")
        _make_durable(part)
        part.rename(place)
    except OSError as error:
        if not place.is_dir():  # else another submitter was faster, with the same bytes
            raise cannot_write(place, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return place


def plug_ins() -> list[Path]:
    """Folders of the packages whose entry points extend an-cli (groups `an_cli.*`)."""
    found = set()
    for group in importlib.metadata.entry_points().groups:
        if not group.startswith("an_cli."):
            continue
        for point in importlib.metadata.entry_points(group=group):
            spec = importlib.util.find_spec(point.module.partition(".")[0])
            if spec is not None and spec.submodule_search_locations:
                found.add(Path(next(iter(spec.submodule_search_locations))).resolve())
    return sorted(found - {PACKAGE})


def tree_digest(packages: Iterable[Path]) -> str:
    """16 hex digits over names and contents of all files of packages."""
    return _digest({name: raw for package in packages for name, raw in _files(package, package.parent)})


def frozen_digest(place: Path) -> str:
    """The digest of a frozen copy, which is its name as long as no byte has changed."""
    return _digest(dict(_files(place, place)))


def damaged_copies(store: Store) -> list[str]:
    """Names of frozen copies whose bytes are no longer those that named them."""
    return [
        name for name in subfolders(store.code) if not name.startswith(".") and frozen_digest(store.code / name) != name
    ]


def _files(folder: Path, top: Path) -> list[tuple[str, bytes]]:
    paths = [path for path in folder.rglob("*") if path.is_file() and _is_code(path.relative_to(top))]
    return [(str(path.relative_to(top)), hashlib.sha256(path.read_bytes()).digest()) for path in paths]


def _is_code(path: Path) -> bool:
    return not any(fnmatch(part, pattern) for part in path.parts for pattern in _NOT_CODE)


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0".encode() + files[name])
    return digest.hexdigest()[:16]


def _make_durable(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            sync_folder(path)
        else:
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
            path.chmod(0o444)
