"""The strict reader: a plain mapping becomes a frozen dataclass, or a message that names the dotted key.

An unknown key, a missing key, a wrong type and a misspelled choice are errors; nothing is guessed, nothing has a
default. The same reader reads a composed config and a `cell.json` of last year.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from an_cli.errors import AnError, ConfigError, nearest

Value = TypeVar("Value")


def read(shape: type[Value], mapping: object, *, where: str = "", error: type[AnError] = ConfigError) -> Value:
    """Read a mapping into a frozen dataclass.

    Args:
        shape: the dataclass; fields may be str, int, float, bool, None, enums or `Literal` members of one, tuples,
            dataclasses, unions of dataclasses that a word tells apart (`family: resnet`), `X | None` or Any.
        mapping: plain dicts, lists and scalars.
        where: dotted prefix for messages.
        error: class of error to raise.

    Raises:
        ConfigError (or `error`): unknown or missing key, wrong type or bad word, with the dotted path and what is
            legal.
    """
    return cast("Value", _dataclass(shape, mapping, where, error))


@cache
def _fields(shape: type) -> dict[str, Any]:
    hints = typing.get_type_hints(shape)
    return {field.name: hints[field.name] for field in dataclasses.fields(shape)}


def _dataclass(shape: type, value: object, where: str, error: type[AnError]) -> object:
    if not isinstance(value, Mapping):
        raise error(
            f"{_show(value)} stands where keys are expected", where=where, now=f"legal: {', '.join(_fields(shape))}"
        )
    fields = _fields(shape)
    for key in value:
        if key not in fields:
            raise error(f"unknown key {key!r}", where=_dot(where, key), now=nearest(str(key), fields))
    missing = [name for name in fields if name not in value and not _has_default(shape, name)]
    if missing:
        raise error(f"missing key {missing[0]!r}", where=_dot(where, missing[0]), now="write it; keys have no defaults")
    given = {
        name: _value(kind, value[name], _dot(where, name), error) for name, kind in fields.items() if name in value
    }
    return shape(**given)


@cache
def _has_default(shape: type, name: str) -> bool:
    field = next(field for field in dataclasses.fields(shape) if field.name == name)
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _value(kind: Any, value: object, where: str, error: type[AnError]) -> object:
    origin = typing.get_origin(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _union(kind, value, where, error)
    if origin is typing.Literal:
        return _word(_words(kind), value, where, error)
    if kind is None or kind is type(None):
        if value is not None:
            raise error(f"{_show(value)} is not legal here", where=where, now="only null is, in this version")
        return None
    if origin is tuple:
        return _tuple(kind, value, where, error)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _mapping(kind, value, where, error)
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast("type", kind), value, where, error)
    if issubclass(kind, StrEnum):
        return _word(_words(kind), value, where, error)
    return _scalar(kind, value, where, error)


def _union(kind: Any, value: object, where: str, error: type[AnError]) -> object:
    arms = [arm for arm in typing.get_args(kind) if arm is not type(None)]
    if value is None and len(arms) < len(typing.get_args(kind)):
        return None
    return _value(arms[0] if len(arms) == 1 else _arm(arms, value, where, error), value, where, error)


def _arm(arms: list[type], value: object, where: str, error: type[AnError]) -> type:
    """Of several dataclasses the one whose tag the mapping holds; the tag is the key whose words differ by class."""
    tag, by_word = _tag(tuple(arms))
    if not isinstance(value, Mapping):
        raise error(f"{_show(value)} stands where keys are expected", where=where, now=f"write {tag} and its keys")
    if tag not in value:
        raise error(f"missing key {tag!r}", where=_dot(where, tag), now=f"legal: {', '.join(sorted(by_word))}")
    return by_word[_word({word: word for word in by_word}, value[tag], _dot(where, tag), error)]


@cache
def _tag(arms: tuple[type, ...]) -> tuple[str, dict[str, type]]:
    for name in _fields(arms[0]):
        words = [(word, arm) for arm in arms for word in _words(_fields(arm).get(name))]
        if len(dict(words)) == len(words) and {arm for _, arm in words} == set(arms):
            return name, dict(words)
    raise TypeError(f"no field tells {', '.join(arm.__name__ for arm in arms)} apart")


@cache
def _words(kind: Any) -> dict[str, StrEnum]:
    """The legal words of an enum, or of some of its members; none for another type."""
    if typing.get_origin(kind) is typing.Literal:
        return {str(member): member for member in typing.get_args(kind)}
    return {str(member): member for member in kind} if isinstance(kind, type) and issubclass(kind, StrEnum) else {}


def _tuple(kind: Any, value: object, where: str, error: type[AnError]) -> tuple[object, ...]:
    inner = typing.get_args(kind)[0]
    if not isinstance(value, (list, tuple)):
        raise error(f"{_show(value)} is not a list", where=where, now="write it as [a, b, ...]")
    return tuple(_value(inner, item, f"{where}[{index}]", error) for index, item in enumerate(value))


def _mapping(kind: Any, value: object, where: str, error: type[AnError]) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise error(f"{_show(value)} is not a mapping", where=where, now="write it as {key: value}")
    inner = typing.get_args(kind)[1]
    return {str(key): _value(inner, item, _dot(where, str(key)), error) for key, item in value.items()}


def _word(words: Mapping[str, Value], value: object, where: str, error: type[AnError]) -> Value:
    if not isinstance(value, str) or value not in words:
        raise error(f"{_show(value)} is not a legal word", where=where, now=nearest(str(value), words))
    return words[value]


def _scalar(kind: type, value: object, where: str, error: type[AnError]) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _float(value, where, error)  # so that lr=1 and lr=1.0 are one experiment
    if kind is str and isinstance(value, str):
        return value
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind):
        raise error(f"{_show(value)} is not {_NAMES[kind]}", where=where, now=f"write {_NAMES[kind]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise error(f"{_show(value)} is not a finite number", where=where, now="write a finite number")
    return value + 0.0 if isinstance(value, float) else value  # -0.0 becomes 0.0: equal values, one spelling, one id


def _float(value: int, where: str, error: type[AnError]) -> float:
    try:
        return float(value)
    except OverflowError:
        raise error("the number is too large", where=where, now="write a finite number") from None


_NAMES: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _show(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _dot(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def plain(value: object) -> Any:
    """The reverse of `read`: dataclasses and tuples become dicts and lists, ready for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, StrEnum) else value


def leaves(value: object, prefix: str = "") -> dict[str, object]:
    """Dotted key -> plain leaf value, for labels, comparisons and columns. Lists are leaves."""
    if isinstance(value, Mapping):
        found: dict[str, object] = {}
        for key, item in value.items():
            found.update(leaves(item, _dot(prefix, key)))
        return found
    return {prefix: value}
