"""The files that a user's plug-in consists of, by the names that they get in a frozen copy.

Found and never imported: the modules that its distribution lists, those that it names in an editable installation, and
what these import from the folder beside them. The distribution's name, version and entry points go along, so that a job
finds the plug-in when its sources have moved or it was uninstalled.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

from an_cli.config.plugins import PlugIn
from an_cli.errors import LaunchError

Content = Path | bytes
_MODULES = (".py", ".so")


def plugin_files(plugin: PlugIn) -> dict[str, Content]:
    """Name in the copy -> the file, or what is in it.

    Raises:
        LaunchError: there is no source where Python looks for it.
    """
    own = plugin.entry.module.partition(".")[0]
    if not _places(own):
        raise LaunchError(
            f"no source of entry point {plugin.entry.name!r} ({plugin.entry.value}) is found, so none can be frozen",
            where=f"{plugin.where}.entry_point",
            now=f"python -c 'import {own}' must work",
        )
    made_by = plugin.entry.dist
    listed = _listed(made_by) if made_by is not None else {}
    files: dict[str, Content] = {}
    names = [own, *listed, *_named(made_by)]
    for name in names:  # grows while it is walked
        for place in _places(name) or ([listed[name]] if name in listed else []):
            for file, path in _walk(place):
                files.setdefault(file, path)
            if name not in listed:
                names += sorted(set(_beside(place)) - set(names))
    return files | (_metadata(made_by) if made_by is not None else {})


def _places(name: str) -> list[Path]:
    """Where Python finds a top-level module: its file, its folder, or the folders of a namespace."""
    try:
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations if Path(place).is_dir()]
    return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []


def _listed(made_by: Distribution) -> dict[str, Path]:
    """Top-level modules, and folders of libraries beside them, that a distribution was installed as."""
    tops = {file.parts[0] for file in made_by.files or () if len(file.parts) > 1 or file.suffix in _MODULES}
    files: dict[str, Path] = {}
    for top in tops:
        name = top.partition(".")[0] if top.endswith(_MODULES) else top
        place = Path(str(made_by.locate_file(top)))
        if place.exists() and (name.isidentifier() or top.endswith(".libs")) and not name.startswith("__"):
            files[name] = place
    return files


def _named(made_by: Distribution | None) -> list[str]:
    return (made_by.read_text("top_level.txt") or "").split() if made_by is not None else []


def _walk(place: Path) -> Iterator[tuple[str, Path]]:
    paths = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return ((path.relative_to(place.parent).as_posix(), path) for path in paths)


def _beside(place: Path) -> Iterator[str]:
    """Top-level modules that a source imports from the folder that it lies in itself."""
    for _, path in _walk(place):
        if path.suffix != ".py":
            continue
        for name in _imports(path):
            if (place.parent / f"{name}.py").is_file() or (place.parent / name / "__init__.py").is_file():
                yield name


def _imports(path: Path) -> set[str]:
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names} - {"an_cli"}


def _metadata(made_by: Distribution) -> dict[str, Content]:
    """What `importlib.metadata` needs to find the distribution in the copy, ahead of where it is installed."""
    folder = f"{re.sub(r'[-_.]+', '_', made_by.name).lower()}-{made_by.version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {made_by.name}\nVersion: {made_by.version}\n"
    points = made_by.read_text("entry_points.txt") or ""
    return {f"{folder}/METADATA": about.encode(), f"{folder}/entry_points.txt": points.encode()}
