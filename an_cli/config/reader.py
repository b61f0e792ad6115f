"""The strict reader: a plain mapping becomes a frozen dataclass, or a message that names the dotted key.

An unknown key, a missing key, a wrong type and a misspelled choice are errors; nothing is guessed, nothing has a
default. The same reader reads a composed config and a `cell.json` of last year.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar, cast

from an_cli.errors import AnError, ConfigError, nearest

Value = TypeVar("Value")
Reader = Callable[[object, str, type[AnError]], object]


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
    return cast("Value", reader_of(cast("Any", shape))(mapping, where, error))


@cache
def _fields(shape: type) -> dict[str, Any]:
    hints = typing.get_type_hints(shape)
    return {field.name: hints[field.name] for field in dataclasses.fields(shape)}


@cache
def reader_of(kind: Any) -> Reader:
    """What reads values of a type. Made once per type: reading a config asks no type what it is."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value, where, error: value
    if origin in (types.UnionType, typing.Union):
        arms = [arm for arm in arguments if arm is not type(None)]
        inner = reader_of(arms[0]) if len(arms) == 1 else partial(_arm, tuple(arms))
        return partial(_or_null, inner) if len(arms) < len(arguments) else inner
    if origin is typing.Literal or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return partial(_word, _words(kind))
    if kind is None or kind is type(None):
        return _null
    if origin is tuple:
        return partial(_tuple, reader_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return partial(_mapping, reader_of(arguments[1]))
    return partial(_dataclass, _Shape(cast("type", kind))) if dataclasses.is_dataclass(kind) else partial(_scalar, kind)


class _Shape:
    """A dataclass as the reader sees it: the reader of each key, and the keys that must be given."""

    def __init__(self, shape: type) -> None:
        self.make = shape
        self.readers = {name: reader_of(kind) for name, kind in _fields(shape).items()}
        self.inline = _inline(shape)
        self.rest: Reader | None = None
        if self.inline:
            self.readers.pop(self.inline)
            self.rest = reader_of(typing.get_args(_fields(shape)[self.inline])[1])
        fields = [field for field in dataclasses.fields(shape) if field.name in self.readers]
        self.required = [field.name for field in fields if not _has_default(field)]


@cache
def _inline(shape: type) -> str:
    """The field whose mapping stands among the keys of its dataclass, as `values` does in an evaluation; or none."""
    return next((field.name for field in dataclasses.fields(shape) if field.metadata.get("inline")), "")


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _dataclass(shape: _Shape, value: object, where: str, error: type[AnError]) -> object:
    readers = shape.readers
    if not isinstance(value, Mapping):
        raise error(f"{_show(value)} stands where keys are expected", where=where, now=f"legal: {', '.join(readers)}")
    for key in value:
        if key not in readers and shape.rest is None:
            raise error(f"unknown key {key!r}", where=_dot(where, key), now=nearest(str(key), readers))
    for name in shape.required:
        if name not in value:
            raise error(f"missing key {name!r}", where=_dot(where, name), now="write it; keys have no defaults")
    dot = f"{where}." if where else ""
    if shape.rest is None:
        return shape.make(**{name: readers[name](item, dot + name, error) for name, item in value.items()})
    given = {name: read_key(value[name], dot + name, error) for name, read_key in readers.items() if name in value}
    rest = {str(key): shape.rest(item, f"{dot}{key}", error) for key, item in value.items() if key not in readers}
    return shape.make(**given, **{shape.inline: rest})


def _or_null(inner: Reader, value: object, where: str, error: type[AnError]) -> object:
    return None if value is None else inner(value, where, error)


def _null(value: object, where: str, error: type[AnError]) -> None:
    if value is not None:
        raise error(f"{_show(value)} is not legal here", where=where, now="only null is, in this version")


def _arm(arms: tuple[type, ...], value: object, where: str, error: type[AnError]) -> object:
    """Of several dataclasses the one whose tag the mapping holds; the tag is the key whose words differ by class."""
    tag, by_word = _tag(arms)
    if not isinstance(value, Mapping):
        raise error(f"{_show(value)} stands where keys are expected", where=where, now=f"write {tag} and its keys")
    if tag not in value:
        raise error(f"missing key {tag!r}", where=_dot(where, tag), now=f"legal: {', '.join(sorted(by_word))}")
    arm = _word(by_word, value[tag], _dot(where, tag), error)
    return reader_of(arm)(value, where, error)


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


def _tuple(inner: Reader, value: object, where: str, error: type[AnError]) -> tuple[object, ...]:
    if not isinstance(value, (list, tuple)):
        raise error(f"{_show(value)} is not a list", where=where, now="write it as [a, b, ...]")
    return tuple([inner(item, f"{where}[{index}]", error) for index, item in enumerate(value)])


def _mapping(inner: Reader, value: object, where: str, error: type[AnError]) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise error(f"{_show(value)} is not a mapping", where=where, now="write it as {key: value}")
    return {str(key): inner(item, _dot(where, str(key)), error) for key, item in value.items()}


def _word(words: Mapping[str, Value], value: object, where: str, error: type[AnError]) -> Value:
    if not isinstance(value, str) or value not in words:
        meant = "cuda" if value == "gpu" and "cuda" in words else str(value)
        raise error(f"{_show(value)} is not a legal word", where=where, now=nearest(meant, words))
    return words[value]


def _scalar(kind: type, value: object, where: str, error: type[AnError]) -> object:
    if type(value) is kind:
        if kind is not float:
            return value
        if math.isfinite(value):  # type: ignore[arg-type]
            return value + 0.0  # type: ignore[operator]  # -0.0 becomes 0.0: equal values, one spelling, one id
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _float(value, where, error)  # so that lr=1 and lr=1.0 are one experiment
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind):
        raise error(f"{_show(value)} is not {_NAMES[kind]}", where=where, now=f"write {_NAMES[kind]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise error(f"{_show(value)} is not a finite number", where=where, now="write a finite number")
    return value + 0.0 if isinstance(value, float) else value


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
    if value is None or type(value) in _NAMES:
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_fields(value)
    return value


def _plain_fields(value: Any) -> dict[str, Any]:
    shape: type = type(value)
    made: dict[str, Any] = {}
    for name in _fields(shape):
        item = getattr(value, name)
        if name == _inline(shape):
            made.update(plain(item))
        elif item is not None or name not in omitted_when_null(shape):
            made[name] = plain(item)
    return made


@cache
def omitted_when_null(shape: type) -> frozenset[str]:
    """Fields that are left out where they are null."""
    return frozenset(field.name for field in dataclasses.fields(shape) if field.metadata.get("omit_null"))


def leaves(value: object, prefix: str = "") -> dict[str, object]:
    """Dotted key -> plain leaf value, for labels, comparisons and columns. Lists are leaves."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, item in value.items():
        name = _dot(prefix, key)
        if isinstance(item, Mapping):
            flat.update(leaves(item, name))
        else:
            flat[name] = item
    return flat
