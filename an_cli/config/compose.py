"""Hydra composes names and overrides into a config; the strict reader freezes it.

One `compose` of Hydra costs about 0.1 s, so it runs once per choice of groups; overrides of single values are merged
into the plain result, which costs well under a millisecond. Where a YAML file derives a value from another one
(`${recipe.lr}`) and that one is overridden, OmegaConf merges and resolves instead, so both ways give the same config.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from an_cli.config import search_path
from an_cli.config.check import check_cell, check_launch
from an_cli.config.launching import LaunchConfig
from an_cli.config.overrides import Override, parse
from an_cli.config.reader import leaves, read
from an_cli.config.schema import CellConfig
from an_cli.config.spend import spend
from an_cli.errors import ConfigError, nearest
from an_cli.files import FILE_ERRORS, read_yaml

GROUPS = ("model", "norm", "recipe", "data", "task", "launch")
_OPTIONAL = ("task",)  # null chooses none, which is the default; Hydra takes no such word for a default of null
_SYNONYMS = {
    "seeds": "seed", "batch_size": "batch_per_replica", "batchsize": "batch_per_replica", "learning_rate": "lr",
    "wd": "weight_decay", "k": "components", "K": "components", "activation": "gate", "statistic": "squeeze",
    "num_workers": "loader_workers", "workers": "loader_workers", "num_classes": "classes", "epoch": "epochs",
    "warmup": "warmup_epochs", "mixup": "mixup_alpha", "smoothing": "label_smoothing", "walltime": "time_min",
    "time": "time_min", "data_dir": "data_root", "datadir": "data_root", "amp": "precision", "img_size": "image_size",
}  # fmt: skip
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_INDIRECT = re.compile(r"^\.|[:$\[]")  # a resolver, a nested or a relative reference: it may depend on any key


@dataclass(frozen=True)
class Composed:
    """A composed experiment: what is run, how it is started, and which names were chosen per group."""

    cell: CellConfig
    launch: LaunchConfig
    choices: Mapping[str, str]


@dataclass(frozen=True)
class _Base:
    """Hydra's answer to one choice of groups."""

    plain: dict[str, Any]  # resolved
    unresolved: Any  # DictConfig, for the slow way
    references: frozenset[str]  # dotted keys that other values are derived from
    choices: dict[str, str]


class Composer:
    """Composes experiments over one search path and remembers what Hydra said of each choice of groups."""

    def __init__(self) -> None:
        self._bases: dict[tuple[str, ...], _Base] = {}
        self._folders = search_path.folders("conf")

    def compose(self, overrides: Sequence[str] = ()) -> Composed:
        """Compose one experiment.

        Args:
            overrides: `GROUP=NAME` and `KEY=VALUE` words; a later word wins.

        Raises:
            ConfigError: unknown group, name or key, a wrong type, or values that do not fit each other.
        """
        words = [parse(text) for text in overrides]
        chosen = {word.key: word.value for word in words if word.key in GROUPS}
        groups = {key: _name(value) for key, value in chosen.items() if not (value is None and key in _OPTIONAL)}
        values = [word for word in words if word.key not in GROUPS]
        base = self._base(groups)
        tree = _merge(base, values)
        spend(tree["model"])
        launch = check_launch(read(LaunchConfig, tree.pop("launch"), where="launch"))
        return Composed(check_cell(read(CellConfig, tree)), launch, base.choices)

    def _base(self, groups: Mapping[str, str]) -> _Base:
        key = tuple(f"{group}={name}" for group, name in sorted(groups.items()))
        if key not in self._bases:
            self._bases[key] = _ask_hydra(list(key), self._folders)
        return self._bases[key]


def _name(value: object) -> str:
    """A group's choice as it was typed."""
    return "null" if value is None else str(value)


def compose(overrides: Sequence[str] = ()) -> Composed:
    """Compose one experiment (see `Composer.compose`)."""
    return Composer().compose(overrides)


def _ask_hydra(groups: list[str], folders: list[Path]) -> _Base:
    from hydra import compose as hydra_compose
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for folder in folders[:-1]:
        _check_files(folder)
    try:
        with _hydra(folders):
            config = hydra_compose("config", overrides=groups, return_hydra_config=True)
        choices = {
            str(key): str(value)
            for key, value in config.hydra.runtime.choices.items()
            if str(key) in GROUPS and value is not None
        }
        bare = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        plain: Any = OmegaConf.to_container(bare, resolve=True)
        written: Any = OmegaConf.to_container(bare, resolve=False)
    except (HydraException, OmegaConfBaseException, *FILE_ERRORS) as error:
        raise _explained(groups, error) from error
    references = {name for value in leaves(written).values() for name in _REFERENCE.findall(str(value))}
    _refuse_logistics(written)
    return _Base(plain, bare, frozenset(references), choices)


def _check_files(folder: Path) -> None:
    """Read the user's files as strictly as all others: Hydra takes a key given twice, and 12:30:00 for 45000."""
    for path in sorted(folder.rglob("*.yaml")):
        _check_file(path, path.stat().st_mtime_ns)


@cache
def _check_file(path: Path, changed: int) -> None:
    read_yaml(path)


def _refuse_logistics(written: Mapping[str, Any]) -> None:
    """Science that is derived from a launch setting would make an id depend on where a run is started."""
    for key, value in leaves(written).items():
        for name in _REFERENCE.findall(str(value)):
            if not key.startswith("launch.") and name.strip(" .").split(".")[0] == "launch":
                raise ConfigError(
                    f"{key} is derived from {name}",
                    where=key,
                    now="write the value; launch is not part of an id",
                )


@contextmanager
def _hydra(folders: list[Path]) -> Iterator[None]:
    from hydra import initialize_config_dir
    from hydra.core.plugins import Plugins

    Plugins.instance().register(_user_first())
    _front.folders = folders[:-1]
    with initialize_config_dir(str(folders[-1]), version_base="1.3"):
        yield


class _Front:
    """The user's conf folders, which Hydra is to search before ours."""

    folders: list[Path] = []  # noqa: RUF012 - one process composes over one search path at a time


_front = _Front()


@cache
def _user_first() -> type:
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class UserFirst(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for folder in _front.folders:
                search_path.prepend(provider="user", path=f"file://{folder}")

    return UserFirst


def _explained(groups: list[str], error: BaseException) -> ConfigError:
    chosen = {group: name for group, _, name in (word.partition("=") for word in groups)}
    for group, name in chosen.items():
        names = search_path.names("conf", under=group)
        if name not in names:
            own = (
                f"; a {group} of your own: docs/your-own-part.md" if group in ("model", "norm", "data", "task") else ""
            )
            return ConfigError(f"unknown {group} {name!r}", where=group, now=f"{nearest(name, names)}{own}")
    names = search_path.names("conf", under=f"recipe/{chosen.get('recipe')}")
    if names and "model" in chosen and chosen["model"] not in names:  # a recipe's file for a model: recipe/NAME/MODEL
        return ConfigError(
            f"recipe {chosen['recipe']!r} has no settings for model {chosen['model']!r}",
            where=f"conf/recipe/{chosen['recipe']}",
            now=f"write {chosen['model']}.yaml there, or choose another: it has {', '.join(names)}",
        )
    if isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError):
        return ConfigError(
            "a file in conf/ includes itself, directly or by way of another",
            where=" ".join(groups) or "conf/config.yaml",
            now="a file of yours that begins with one of ours needs a name of its own: see its defaults",
        )
    text = " ".join(str(error.__cause__ or error).split())
    return ConfigError(
        f"cannot compose: {text}", where=" ".join(groups) or "conf/config.yaml", now="see the file it names"
    )


def _merge(base: _Base, values: Sequence[Override]) -> dict[str, Any]:
    if any("${" in word.text or _touches(word.key, base.references) for word in values):
        return _merge_and_resolve(base, values)
    tree: dict[str, Any] = _copied(base.plain)
    for word in values:
        set_key(tree, word.key, word.value)
    return tree


def _copied(value: Any) -> Any:
    """A copy of plain dicts, lists and scalars, in a fifth of deepcopy's time."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value


def _touches(key: str, references: frozenset[str]) -> bool:
    return any(
        _INDIRECT.search(name) or name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.")
        for name in references
    )


def _merge_and_resolve(base: _Base, values: Sequence[Override]) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    config = copy.deepcopy(base.unresolved)
    checked = _copied(base.plain)
    try:
        for word in values:
            set_key(checked, word.key, word.value)  # the same check of the key
            OmegaConf.update(config, word.key, word.value)
        plain: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        where = ", ".join(word.key for word in values)
        raise ConfigError(f"cannot resolve: {' '.join(str(error).split())}", where=where) from error
    return dict(plain)


def set_key(tree: dict[str, Any], key: str, value: object) -> None:
    """Set a dotted key of a composed tree, which must have it.

    Raises:
        ConfigError: it has no such key, or a whole part stands there.
    """
    *parents, last = key.split(".")
    node: Any = tree
    for depth, name in enumerate(parents):
        node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise _unknown(
                tree, key, ".".join(parents[: depth + 1]), present=node is None and _has(tree, parents[: depth + 1])
            )
    if last not in node:
        raise _unknown(tree, key, "", present=False)
    if isinstance(node[last], dict) and not isinstance(value, dict) and value is not None:
        raise ConfigError(
            f"{value!r} cannot replace all of {key!r}",
            where=key,
            now=f"set one of: {', '.join(leaves(node[last], key))}",
        )
    if isinstance(node[last], dict) and isinstance(value, dict):  # merged, as Hydra does
        for name, item in value.items():
            set_key(tree, f"{key}.{name}", item)
        return
    node[last] = _copied(value)


def _has(tree: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(tree, dict) or name not in tree:
            return False
        tree = tree[name]
    return True


def _unknown(tree: dict[str, Any], key: str, parent: str, *, present: bool) -> ConfigError:
    if present:
        return ConfigError(
            f"{key!r} has no place: {parent} is null here",
            where=key,
            now=f"choose a {parent.split('.')[0]} that has it",
        )
    legal = [*leaves(tree), *GROUPS]
    meant = _SYNONYMS.get(key.rpartition(".")[2], key.rpartition(".")[2])
    ends = [name for name in leaves(tree) if name == meant or name.endswith(f".{meant}")]
    if ends:  # as labels and other tools spell it
        return ConfigError(f"unknown key {key!r}", where="override", now=f"did you mean {' or '.join(ends)}?")
    if key.count("."):
        siblings = [name for name in legal if name.startswith(key.rsplit(".", 1)[0] + ".")]
        legal = siblings or [name for name in legal if name.split(".")[0] == key.split(".")[0]] or legal
    # By their last parts: what stands before them is alike and would make any two keys alike.
    close = difflib.get_close_matches(
        key.rpartition(".")[2], [name.rpartition(".")[2] for name in legal], n=1, cutoff=0.7
    )
    similar = [name for name in legal if name.rpartition(".")[2] in close]
    now = nearest(similar[0], legal) if similar else nearest("", legal)
    return ConfigError(f"unknown key {key!r}", where="override", now=now)
