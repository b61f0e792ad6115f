"""Parts from the user's own packages, found by Python entry points (docs/your-own-part.md).

The light wing sees the entry point's name, the installed distribution and its files; the user's package is imported by
`load` alone, which only the heavy wing calls.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from an_cli.config.schema import CellConfig, PluginDataConfig, PluginModelConfig, PluginNormConfig
from an_cli.errors import ConfigError, nearest

NORMS, MODELS, DATA, TASKS = "an_cli.norms", "an_cli.models", "an_cli.data", "an_cli.tasks"
_SUFFIXES = (".py", ".so", ".cu", ".cpp")


@dataclass(frozen=True)
class PlugIn:
    """An installed entry point: `where` is the dotted key that asks for it."""

    entry: EntryPoint
    where: str

    @property
    def stamp(self) -> str:
        """What is recorded with every attempt: entry point, distribution, version, and a digest of the sources."""
        distribution = self.entry.dist
        made_by = f"{distribution.name} {distribution.version}" if distribution is not None else "unknown 0"
        return f"{self.entry.group}:{self.entry.name} {made_by} {_digest(self.entry.module.partition('.')[0])}"

    def load(self, parameters: Mapping[str, object]) -> Callable[..., object]:
        """Import the user's package; returns its factory with the parameters filled in.

        Args:
            parameters: of the config.

        Raises:
            ConfigError: it cannot be imported; and when called, if it does not take these parameters.
        """
        try:
            make = self.entry.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"entry point {self.entry.name!r} ({self.entry.value}) cannot be loaded: {error}",
                where=self.where,
                now=f"python -c 'import {self.entry.module}' must work",
            ) from error
        return partial(self._call, make, parameters)

    def _call(
        self, make: Callable[..., object], parameters: Mapping[str, object], *values: object, **fixed: object
    ) -> object:
        takes = inspect.signature(make)
        try:
            takes.bind(*values, **fixed, **parameters)
        except TypeError as error:
            given = ", ".join(parameters) or "none"
            raise ConfigError(
                f"{self.entry.value} cannot be called with the parameters given ({given}): {error}",
                where=f"{self.where}.parameters",
                now=f"it is {self.entry.attr}{takes}, of which an-cli gives {', '.join(fixed)}",
            ) from error
        return make(*values, **fixed, **parameters)


def find_plugin(group: str, name: str, where: str) -> PlugIn:
    """Find an entry point without importing anything.

    Raises:
        ConfigError: no installed package declares it, or two do.
    """
    installed = _installed(group)
    candidates = installed.get(name, ())
    if not candidates:
        declare = f"install the package that declares it in group {group}"
        now = f"{nearest(name, installed)}; or {declare}" if installed else f"none is installed: {declare}"
        raise ConfigError(f"unknown entry point {name!r}", where=f"{where}.entry_point", now=now)
    if len({entry.value for entry in candidates}) > 1:
        makers = " and ".join(sorted(entry.dist.name for entry in candidates if entry.dist is not None))
        raise ConfigError(f"{name!r} is declared by {makers}", where=f"{where}.entry_point", now="uninstall one")
    return PlugIn(candidates[0], where)


def plugins_of(config: CellConfig) -> tuple[PlugIn, ...]:
    """The user's parts of a cell.

    Raises:
        ConfigError: one is not installed.
    """
    return tuple(find_plugin(group, name, where) for group, name, where in _asked(config))


def has_parts(config: CellConfig) -> bool:
    """Whether all of the user's parts of a cell are installed: reading its records needs none of them."""
    try:
        plugins_of(config)
    except ConfigError:
        return False
    return True


def stamps_of(config: CellConfig) -> tuple[str, ...]:
    """What is recorded of the user's parts of a cell (see `PlugIn.stamp`)."""
    return tuple(plugin.stamp for plugin in plugins_of(config))


def is_installed(stamp: str) -> bool:
    """Whether the plug-in that was recorded is installed as it was then."""
    group, _, name = stamp.partition(" ")[0].partition(":")
    return any(PlugIn(entry, "").stamp == stamp for entry in _installed(group).get(name, ()))


def _asked(config: CellConfig) -> Iterator[tuple[str, str, str]]:
    if isinstance(config.model, PluginModelConfig):
        yield MODELS, config.model.entry_point, "model"
    if isinstance(config.norm, PluginNormConfig):
        yield NORMS, config.norm.entry_point, "norm"
    if isinstance(config.data, PluginDataConfig):
        yield DATA, config.data.entry_point, "data"
    if config.task is not None:
        yield TASKS, config.task.entry_point, "task"


@cache
def _installed(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    by_name: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=group):
        by_name[entry.name] = (*by_name.get(entry.name, ()), entry)
    return by_name


@cache
def _digest(package: str) -> str:
    """8 hex digits over the source files of a top-level package or module, which is found but not imported."""
    spec = importlib.util.find_spec(package)
    roots = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    files = [(file, file.relative_to(root)) for root in roots for file in root.rglob("*") if file.suffix in _SUFFIXES]
    if spec and not roots and spec.origin:
        files = [(Path(spec.origin), Path(spec.origin).relative_to(Path(spec.origin).parent))]
    digest = hashlib.sha256()
    for file, name in sorted(files, key=lambda pair: str(pair[1])):
        digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:8]
