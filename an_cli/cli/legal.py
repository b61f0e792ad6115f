"""The legal words of a command line, read off conf/ and the types without composing anything."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from an_cli.config import CellConfig, LaunchConfig, leaves, search_path
from an_cli.config.compose import GROUPS
from an_cli.errors import AnError
from an_cli.files import read_yaml


def group_words() -> list[str]:
    """`GROUP=NAME` of every file of every config group."""
    return [f"{group}={name}" for group in GROUPS for name in search_path.names("conf", under=group)]


def key_words() -> list[str]:
    """`KEY=VALUE` of every key: its choices, or the values that files of conf/ give it; `KEY=` where there are none."""
    given = _given()
    words = ["seed=0", "seed=0,1,2"]
    for key, kind in (*_keys(CellConfig, ""), *_keys(LaunchConfig, "launch.")):
        values = _choices(kind) or sorted(given.get(key, ()))
        words += [f"{key}={value}" for value in values] or [f"{key}="] * (key != "seed")
    return list(dict.fromkeys(words))


def _keys(shape: type, prefix: str) -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(shape)
    for field in dataclasses.fields(shape):
        arms = _arms(hints[field.name])
        parts = [arm for arm in arms if dataclasses.is_dataclass(arm)]
        for part in parts:
            yield from _keys(typing.cast("type", part), f"{prefix}{field.name}.")
        if len(parts) < len([arm for arm in arms if arm is not type(None)]):
            yield f"{prefix}{field.name}", hints[field.name]


def _arms(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (types.UnionType, typing.Union) else (kind,)


def _choices(kind: Any) -> list[str]:
    choices: list[str] = []
    for arm in _arms(kind):
        if isinstance(arm, type) and issubclass(arm, StrEnum):
            choices += [str(member) for member in arm]
        elif typing.get_origin(arm) is typing.Literal:
            choices += [str(member) for member in typing.get_args(arm)]
        elif arm is bool:
            choices += ["true", "false"]
    return choices


@cache
def _given() -> Mapping[str, set[str]]:
    """Dotted key -> values that the files of its group give it, as they are typed on a command line."""
    given: dict[str, set[str]] = {}
    for group in GROUPS:
        for folder in search_path.folders("conf"):
            for file in (folder / group).rglob("*.yaml"):
                try:
                    values = leaves(read_yaml(file), group)
                except AnError:
                    continue
                for key, value in values.items():
                    given.setdefault(key, set()).update(_typed(value))
    return given


def _typed(value: object) -> list[str]:
    if isinstance(value, list):
        return ["[" + ",".join(map(str, value)) + "]"] if all(isinstance(item, int | float) for item in value) else []
    text = "null" if value is None else str(value)
    return [text] if text and not set(text) & set(" ${}'\"") else []
