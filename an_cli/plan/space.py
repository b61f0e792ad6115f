"""The space that a search chooses from: typed parameters over dotted config keys and whole groups.

A space has nothing of Optuna in it: it says which names and values there are, what a choice makes of a config, and
which choice a config is. `plan.asking` gives it Optuna's distributions. The names are the keys; a vector has a name per
element, `norm.attention.components[0]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from an_cli.config.compose import GROUPS
from an_cli.config.overrides import spell
from an_cli.errors import StudyError
from an_cli.files import canonical_json

Params = Mapping[str, Any]  # name -> value, of the parameters that apply


class ParameterKind(StrEnum):
    """What values a parameter has, in Optuna's words."""

    CATEGORICAL = "categorical"
    INT = "int"
    FLOAT = "float"


class Order(StrEnum):
    """How the elements of a vector stand to each other."""

    NON_DECREASING = "non_decreasing"


@dataclass(frozen=True, kw_only=True)
class CategoricalParameter:
    """One of several values; of a config group, one of its files. `when`: a parameter before it -> its values."""

    type: Literal[ParameterKind.CATEGORICAL]
    choices: tuple[Any, ...]
    when: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class IntParameter:
    """A whole number from `low` to `high`, both included; with `length` as many of them, one per stage."""

    type: Literal[ParameterKind.INT]
    low: int
    high: int
    step: int = 1
    log: bool = False
    length: int | None = None
    order: Order | None = None
    when: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FloatParameter:
    """A number from `low` to `high`, both included; with `length` as many of them, one per stage."""

    type: Literal[ParameterKind.FLOAT]
    low: float
    high: float
    step: float | None = None
    log: bool = False
    length: int | None = None
    order: Order | None = None
    when: Mapping[str, Any] = field(default_factory=dict)


Parameter: TypeAlias = CategoricalParameter | IntParameter | FloatParameter


@dataclass(frozen=True)
class Space:
    """Parameters by dotted key or group, in the order in which they are chosen."""

    parameters: Mapping[str, Parameter]

    def names(self, key: str) -> tuple[str, ...]:
        """The names of a key's values: the key itself, or one per element."""
        length = getattr(self.parameters[key], "length", None)
        return (key,) if length is None else tuple(f"{key}[{index}]" for index in range(length))

    def applies(self, key: str, params: Params) -> bool:
        """Whether a key has a value, given those before it."""
        when = self.parameters[key].when
        return all(params.get(name, _ABSENT) in _listed(values) for name, values in when.items())

    def canonical(self, params: Params) -> dict[str, Any]:
        """The one spelling of a choice: only what applies, the elements of an ordered vector never falling.

        An element below the one before it stands for that one's value: every vector of the space has a spelling, and
        each element keeps the range that it has in all trials, which is what samplers compare trials by.
        """
        made: dict[str, Any] = {}
        for key in self.parameters:
            if not self.applies(key, made):
                continue
            made.update(self.spelled(key, [params[name] for name in self.names(key)]))
        return made

    def spelled(self, key: str, values: Sequence[Any]) -> dict[str, Any]:
        """A key's values by name, in their one spelling."""
        if getattr(self.parameters[key], "order", None) is Order.NON_DECREASING:
            values = [max(values[: index + 1]) for index in range(len(values))]
        return dict(zip(self.names(key), values, strict=True))

    def words(self, params: Params) -> tuple[str, ...]:
        """What a choice changes in the base, as overrides."""
        return tuple(spell(key, self.value(key, params)) for key in self.parameters if self.names(key)[0] in params)

    def texts(self, params: Params) -> tuple[str, ...]:
        """A choice for readers: the last part of each key and its value, "lr=0.3", "components=5-5-10-10"."""
        texts = []
        for key in self.parameters:
            if self.names(key)[0] in params:
                value = self.value(key, params)
                text = "-".join(map(_number, value)) if isinstance(value, list) else _number(value)
                texts.append(f"{key.rpartition('.')[2]}={text}")
        return tuple(texts)

    def value(self, key: str, params: Params) -> Any:
        """The value that a choice gives to a key."""
        names = self.names(key)
        return params[key] if names == (key,) else [params[name] for name in names]

    def params_of(self, values: Mapping[str, Any], choices: Mapping[str, str]) -> dict[str, Any]:
        """The choice that a config is.

        Args:
            values: its leaves by dotted key.
            choices: of its groups.

        Raises:
            StudyError: a value that the space does not have; `where` is the key.
        """
        made: dict[str, Any] = {}
        for key, parameter in self.parameters.items():
            if not self.applies(key, made):
                continue
            given = (choices if key in GROUPS else values).get(key, _ABSENT)
            made.update(self.read(key, parameter, given))
        return made

    def read(self, key: str, parameter: Parameter, given: Any) -> dict[str, Any]:
        """A key's value as values by name.

        Raises:
            StudyError: the space does not have it.
        """
        names = self.names(key)
        items = [given] if names == (key,) else given
        fits = isinstance(items, (list, tuple)) and len(items) == len(names)
        if given is _ABSENT or not fits or not all(contains(parameter, item) for item in items):
            shown = "nothing" if given is _ABSENT else repr(given)
            raise StudyError(f"{shown} lies outside the space: {in_words(parameter)}", where=key)
        values = [_as_listed(parameter, item) for item in items]
        if getattr(parameter, "order", None) and values != sorted(values):
            raise StudyError(f"{given!r} falls, and the space has it {parameter.order}", where=key)  # type: ignore[union-attr]
        return dict(zip(names, values, strict=True))

    def digest_text(self) -> str:
        """What two equal spaces have in common: one text."""
        from an_cli.config import plain

        return canonical_json([[key, plain(parameter)] for key, parameter in self.parameters.items()])

    def corners(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Choices whose configs show whether the space composes: every key at its ends, the others as they come first.

        Yields:
            The key that is tried, and the choice.
        """
        first = {name: _ends(parameter)[0] for key, parameter in self.parameters.items() for name in self.names(key)}
        for key, parameter in self.parameters.items():
            for end in _ends(parameter):
                params = {**first, **self._switched_on(key), **dict.fromkeys(self.names(key), end)}
                yield key, self.canonical(params)

    def _switched_on(self, key: str) -> dict[str, Any]:
        """Values of the parameters before a key with which it applies."""
        values_on: dict[str, Any] = {}
        for name, values in self.parameters[key].when.items():
            values_on |= self._switched_on(name) | {name: _listed(values)[0]}
        return values_on


_ABSENT = object()


def contains(parameter: Parameter, value: Any) -> bool:
    """Whether a single value is one of a parameter's."""
    if isinstance(parameter, CategoricalParameter):
        return any(_same(choice, value) for choice in parameter.choices)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not parameter.low <= value <= parameter.high:
        return False
    if isinstance(parameter, IntParameter) and value != int(value):
        return False
    steps = 0.0 if parameter.log or parameter.step is None else (value - parameter.low) / parameter.step
    return abs(steps - round(steps)) < 1e-9


def in_words(parameter: Parameter) -> str:
    """The values of a parameter: "10, 20 or 40", "0.05 to 0.8"."""
    if isinstance(parameter, CategoricalParameter):
        return " or ".join(map(str, parameter.choices))
    step = f" in steps of {parameter.step}" if parameter.step not in (None, 1) else ""
    each = f", {parameter.length} of them" if parameter.length else ""
    return f"{parameter.low} to {parameter.high}{step}{each}"


def _same(choice: Any, value: Any) -> bool:
    """Equal, and of one kind: true is not 1. A group's choice is a text."""
    return choice == value and isinstance(choice, bool) is isinstance(value, bool)


def _as_listed(parameter: Parameter, value: Any) -> Any:
    """The value as Optuna is given it, so that equal choices are equal trials."""
    match parameter:
        case CategoricalParameter():
            return next(choice for choice in parameter.choices if _same(choice, value))
        case IntParameter():
            return int(value)
        case _:
            return float(value)


def _ends(parameter: Parameter) -> Sequence[Any]:
    return parameter.choices if isinstance(parameter, CategoricalParameter) else (parameter.low, parameter.high)


def _listed(values: Any) -> Sequence[Any]:
    return values if isinstance(values, (list, tuple)) else (values,)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
