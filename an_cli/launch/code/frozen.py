"""Frozen code: what was submitted is what runs.

The package's files, and those of the plug-ins that a study's cells name, are copied once per distinct tree to
`.an-cli/code/<tree>/`, where the name is a digest over every name and every byte. Workers import from there; editing,
renaming or deleting sources while jobs wait changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

from an_cli.config import search_path
from an_cli.config.plugins import PlugIn
from an_cli.errors import LaunchError
from an_cli.files import cannot_write, part_name, subfolders, sync_folder
from an_cli.launch.code.plugin_files import Content, plugin_files
from an_cli.store import Store

PACKAGE = Path(__file__).resolve().parents[2]
_NOT_CODE = ("__pycache__", ".git", ".env*", ".netrc", "*.pem", "*.key")  # caches, and where people leave secrets


def freeze(store: Store, plugins: Iterable[PlugIn] = ()) -> Path:
    """Copy the code into the store, unless this tree is there already.

    Args:
        store: where.
        plugins: the user's parts that the cells name.

    Returns:
        The folder that goes in front of a worker's import path.

    Raises:
        StoreError: the store cannot be written.
        LaunchError: a source cannot be read or changed meanwhile, or a plug-in's is nowhere.
    """
    try:
        files = _sources(plugins)
        tree = _digest({name: _hash(content) for name, content in files.items()})
    except OSError as error:
        now = "make it readable, or take it out of the package"
        raise LaunchError(f"cannot freeze the code: {error.strerror}", where=str(error.filename), now=now) from error
    place = store.code / tree
    try:
        if not place.is_dir():
            _copy(files, tree, place)
    except OSError as error:
        if not place.is_dir():  # else another submitter was faster, with the same bytes
            raise cannot_write(place, error) from error
    return place


def _sources(plugins: Iterable[PlugIn]) -> dict[str, Content]:
    sources: dict[str, Content] = {}
    for plugin in plugins:
        sources.update(plugin_files(plugin))
    # A run composes nothing on its node, but a worker of a search does: what ships beside a checkout comes too.
    beside = [search_path.shipped(kind) for kind in ("conf", "sweeps")]
    folders = [PACKAGE, *(folder for folder in beside if folder.parent == PACKAGE.parent)]
    own = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    sources.update({path.relative_to(PACKAGE.parent).as_posix(): path for path in own})
    return {name: content for name, content in sources.items() if _is_code(Path(name))}


def _copy(files: Mapping[str, Content], tree: str, place: Path) -> None:
    part = part_name(place)
    try:
        for name, content in files.items():
            target = part / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        if frozen_digest(part) != tree:
            raise LaunchError("the sources changed while they were copied", where=str(PACKAGE), now="try again")
        _make_durable(part)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def frozen_digest(place: Path) -> str:
    """The digest of a frozen copy, which is its name as long as no byte has changed."""
    paths = [path for path in place.rglob("*") if path.is_file()]
    files = {path.relative_to(place).as_posix(): path for path in paths}
    return _digest({name: _hash(path) for name, path in files.items() if _is_code(Path(name))})


def damaged_copies(store: Store) -> list[str]:
    """Names of frozen copies whose bytes are no longer those that named them."""
    return [
        name for name in subfolders(store.code) if not name.startswith(".") and frozen_digest(store.code / name) != name
    ]


def _hash(content: Content) -> bytes:
    return hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).digest()


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
