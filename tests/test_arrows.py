"""The house: which room may import which, and which room is the only door to a library. Read off the syntax trees.

A room that needs a new arrow changes the table in the same commit and says why.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "an_cli"


@dataclass(frozen=True)
class Room:
    """A room's floor, the rooms below that it may import, and the libraries it may import."""

    floor: int
    may: frozenset[str]
    libraries: frozenset[str] = frozenset()


def _room(floor: int, may: str = "", libraries: str = "") -> Room:
    return Room(floor, frozenset(may.split()), frozenset(libraries.split()))


# redact: what is written down or printed passes it, wherever that happens.
_LIGHT = "redact report launch tracking mirror plan store config files errors"
ROOMS = {
    "errors": _room(0),
    "environment": _room(0, "errors"),
    "redact": _room(0),
    "files": _room(0, "errors", "yaml msgspec"),
    "kernels": _room(1, "", "numba llvmlite"),  # compiles and loads; it knows neither torch nor what a layer is
    "config": _room(1, "files errors", "hydra omegaconf"),
    "store": _room(2, "config files errors"),
    "plan": _room(3, "store config files errors", "optuna"),
    # mirror: starts the tracking process by name, for a launcher here and for the job's process on a node.
    "mirror": _room(3, "store config files errors"),
    "launch": _room(4, "environment redact kernels mirror plan store config files errors", "submitit"),
    "tracking": _room(
        4, "environment redact mirror store config files errors", "wandb wandb_workspaces tensorboard numpy PIL"
    ),
    "report": _room(4, "plan store config files errors", "pandas numpy scipy jinja2 matplotlib"),
    "console": _room(5, _LIGHT, "rich"),
    "cli": _room(6, f"environment console {_LIGHT}", "typer click rich"),
    "norm": _room(2, "kernels config errors", "torch"),
    "data": _room(2, "config files errors", "torch torchvision numpy PIL"),
    "models": _room(3, "norm config errors", "torch torchvision"),
    "train": _room(4, "environment models data norm store config files errors", "torch numpy faster_coco_eval"),
    "worker": _room(
        5, "environment redact kernels mirror train models data norm store config files errors", "torch numpy PIL"
    ),
    # The package's front: `an_cli.load` and `python -m an_cli` reach into the house when called, never when imported.
    "__init__": _room(7, "report"),
    "__main__": _room(7, "cli"),
}
BANNED_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "core", "manager", "misc"}
LONGEST = 350  # lines

# Rooms that share floor 0, where errors is the lower one; everything else goes down whole floors.
SAME_FLOOR = {("files", "errors"), ("environment", "errors")}


@dataclass(frozen=True)
class Import:
    """One import: who, of which module, where, and whether it runs when the module is loaded."""

    module: str
    target: str
    line: int
    at_load: bool


def _modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


MODULES = _modules()


def _dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def _room_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _imports(path: Path) -> tuple[Import, ...]:
    return tuple(_walk(path, _tree(path), at_load=True))


def _walk(path: Path, node: ast.AST, *, at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = at_load and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for target in _targets(path, child):
            yield Import(_dotted(path), target, getattr(child, "lineno", 0), at_load)
        yield from _walk(path, child, at_load=inside)


def _targets(path: Path, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        source = _absolute(path, node)
        return [_existing(f"{source}.{alias.name}") or source for alias in node.names]
    if isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
        first = node.args[0]
        # A computed name could hide any arrow; only literals can be read off the tree, and a room's own modules.
        own_room = ".".join(["an_cli", *path.relative_to(PACKAGE).parts[:-1], ""])
        if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
            assert str(first.values[0].value) == own_room, f"{path}:{node.lineno}: computes a name beyond its room"
            return []
        assert isinstance(first, ast.Constant), f"{path}:{node.lineno}: imports a module by a computed name"
        return [str(first.value)]
    return []


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = list(path.relative_to(PACKAGE.parent).parts[: -node.level])
    return ".".join([*package, node.module] if node.module else package)


def _existing(dotted: str) -> str:
    """The module of this package that the dotted name is, else nothing: it may be a name within a module."""
    if not dotted.startswith("an_cli"):
        return ""
    path = PACKAGE.parent.joinpath(*dotted.split("."))
    return dotted if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() else ""


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_table_itself_only_goes_down() -> None:
    for name, room in ROOMS.items():
        for below in room.may:
            assert ROOMS[below].floor < room.floor or (name, below) in SAME_FLOOR, f"{name} -> {below} does not go down"


def test_light_rooms_may_not_import_torch() -> None:
    torch_rooms = {name for name, room in ROOMS.items() if "torch" in room.libraries}
    assert torch_rooms == {"norm", "data", "models", "train", "worker"}
    for name, room in ROOMS.items():
        assert name in torch_rooms or not room.may & torch_rooms, f"{name} reaches torch"


@pytest.mark.parametrize("path", MODULES, ids=_ids)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    name = _room_of(_dotted(path))
    assert name in ROOMS, f"{name} is no room of the house: add it to the table, or put the module in a room"
    wrong = [problem for found in _imports(path) if (problem := _forbidden(name, found))]
    assert not wrong, "\n".join(wrong)


def _forbidden(name: str, found: Import) -> str:
    place, top = f"{found.module}:{found.line}", found.target.split(".")[0]
    if top == "an_cli":
        other = _room_of(found.target)
        allowed = other == name or other in ROOMS[name].may
        return "" if allowed else f"{place}: {name} may not import {other}"
    if top in sys.stdlib_module_names or top in ROOMS[name].libraries:
        return ""
    doors = sorted(door for door, room in ROOMS.items() if top in room.libraries)
    return f"{place}: {name} may not import {top} (doors: {', '.join(doors) or 'none'})"


def test_nobody_imports_the_worker() -> None:
    found = [
        f"{one.module}:{one.line}"
        for path in MODULES
        for one in _imports(path)
        if one.target.startswith("an_cli.worker") and not one.module.startswith("an_cli.worker")
    ]
    assert not found, f"the heavy door is started by name, never imported: {found}"


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent == PACKAGE and "__" in path.name], ids=_ids)
def test_the_packages_front_loads_nothing_but_the_standard_library(path: Path) -> None:
    loaded = [one.target.split(".")[0] for one in _imports(path) if one.at_load]
    assert set(loaded) <= set(sys.stdlib_module_names), loaded


def test_no_import_hides_behind_type_checking() -> None:
    hidden = [_ids(path) for path in MODULES if "TYPE_CHECKING" in path.read_text(encoding="utf-8")]
    assert not hidden


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    known = {_dotted(path) for path in MODULES}
    arrows = {_dotted(path): {one.target for one in _imports(path)} & known for path in MODULES}
    circle = _circle(arrows)
    assert not circle, " -> ".join(circle)


def _circle(arrows: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def visit(module: str, trail: list[str]) -> list[str]:
        if module in trail:
            return [*trail[trail.index(module) :], module]
        if module in done:
            return []
        for target in sorted(arrows[module]):
            if found := visit(target, [*trail, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(arrows) if (found := visit(module, []))), [])


def test_a_circle_would_be_found() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f():\n    import torch\n", "may not import torch"),
        ("from an_cli.report import load\n", "may not import report"),
        ("from ..norm import factory\n", "may not import norm"),
        ("import importlib\nimportlib.import_module('an_cli.train.loop')\n", "may not import train"),
        ("import yaml.nodes\n", "doors: files"),
    ],
)
def test_a_forbidden_arrow_would_be_found(source: str, problem: str) -> None:
    imports = _walk(PACKAGE / "store" / "imagined.py", ast.parse(source), at_load=True)
    assert any(problem in _forbidden("store", one) for one in imports)


@pytest.mark.parametrize("path", MODULES, ids=_ids)
def test_a_module_fits_on_the_desk_and_has_a_telling_name(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert path.stem not in BANNED_NAMES
    assert path.parent.name not in BANNED_NAMES


def test_no_two_classes_share_a_name() -> None:
    """A name is what a reader searches for."""
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(_ids(path))
    assert not {name: places for name, places in homes.items() if len(places) > 1}
