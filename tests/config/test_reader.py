"""The strict reader: a mapping becomes a frozen value, or a message that names the dotted key."""

from __future__ import annotations

import copy
import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from types import UnionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.config import CellConfig, Composer, LaunchConfig, cell_id, leaves, plain, read
from an_cli.errors import ConfigError, StoreError


class Color(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, kw_only=True)
class Inner:
    color: Color
    rate: float


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    count: int
    flag: bool
    inner: Inner | None
    ks: tuple[int, ...]
    nothing: None
    words: Mapping[str, int]


GOOD: dict[str, Any] = {
    "name": "a",
    "count": 1,
    "flag": True,
    "inner": {"color": "red", "rate": 0.5},
    "ks": [1, 2],
    "nothing": None,
    "words": {"x": 1},
}


def _with(path: str, value: object) -> dict[str, Any]:
    tree = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    reduce(lambda node, name: node[name], parents, tree)[last] = value
    return tree


def test_a_good_mapping_becomes_a_frozen_value() -> None:
    value = read(Outer, GOOD)
    assert value == Outer(
        name="a", count=1, flag=True, inner=Inner(color=Color.RED, rate=0.5), ks=(1, 2), nothing=None, words={"x": 1}
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.count = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("cuont", 1, "unknown key 'cuont' (cuont) -> did you mean count?"),
        ("inner.colour", "red", "unknown key 'colour' (inner.colour) -> did you mean color?"),
        ("inner.color", "gren", "'gren' is not a legal word (inner.color) -> did you mean green? legal: green, red"),
        ("inner.color", "RED", "'RED' is not a legal word (inner.color)"),
        ("inner.color", 1, "1 is not a legal word (inner.color)"),
        ("inner.color", None, "None is not a legal word (inner.color)"),
        ("inner.rate", "fast", "'fast' is not a number (inner.rate)"),
        ("inner.rate", True, "True is not a number (inner.rate)"),
        ("inner.rate", math.nan, "nan is not a finite number (inner.rate)"),
        ("inner.rate", math.inf, "inf is not a finite number (inner.rate)"),
        ("inner.rate", 10**400, "the number is too large (inner.rate)"),
        ("inner", [1], "[1] stands where keys are expected (inner) -> legal: color, rate"),
        ("count", True, "True is not a whole number (count)"),
        ("count", 1.0, "1.0 is not a whole number (count)"),
        ("count", "1", "'1' is not a whole number (count)"),
        ("flag", 1, "1 is not true or false (flag)"),
        ("flag", "true", "'true' is not true or false (flag)"),
        ("name", 5, "5 is not a text (name)"),
        ("ks", 3, "3 is not a list (ks) -> write it as [a, b, ...]"),
        ("ks", "12", "'12' is not a list (ks)"),
        ("ks", [1, "b"], "'b' is not a whole number (ks[1])"),
        ("nothing", "maskrcnn", "'maskrcnn' is not legal here (nothing) -> only null is, in this version"),
        ("words", [1], "[1] is not a mapping (words)"),
        ("words", {"x": "y"}, "'y' is not a whole number (words.x)"),
    ],
)
def test_a_bad_value_is_named_with_its_dotted_key(path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Outer, _with(path, value))
    assert message in str(caught.value)


@pytest.mark.parametrize("key", list(GOOD))
def test_no_key_may_be_missing(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"missing key '{key}' \(cell.{key}\)"):
        read(Outer, {name: value for name, value in GOOD.items() if name != key}, where="cell")


def test_the_caller_chooses_the_error_and_the_place() -> None:
    with pytest.raises(StoreError, match=r"\(run/cell.json.count\)"):
        read(Outer, _with("count", "x"), where="run/cell.json", error=StoreError)


@pytest.mark.parametrize("rubbish", [None, 3, "text", [GOOD]])
def test_what_is_no_mapping_is_refused(rubbish: object) -> None:
    with pytest.raises(ConfigError, match="stands where keys are expected"):
        read(Outer, rubbish)


def test_whole_numbers_and_negative_zero_are_read_as_the_float_they_equal() -> None:
    rates = [read(Inner, {"color": "red", "rate": rate}).rate for rate in (0, 0.0, -0.0)]
    assert [repr(rate) for rate in rates] == ["0.0"] * 3


def test_leaves_are_dotted_and_lists_are_leaves() -> None:
    assert leaves({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type, of which the reader promises that it comes back equal."""
    arms = typing.get_args(kind)
    if typing.get_origin(kind) in (UnionType, typing.Union):
        return st.one_of([_values(arm) for arm in arms])
    if typing.get_origin(kind) is tuple:
        return st.lists(_values(arms[0]), max_size=4).map(tuple)
    if typing.get_origin(kind) is typing.Literal:
        return st.sampled_from(arms)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: _values(hint) for name, hint in hints.items()})
    if typing.get_origin(kind) is Mapping:  # the parameters of a user's own part: any plain values
        plain_values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()))
        return st.dictionaries(st.text(), plain_values)
    if issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    scalars: dict[type, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(),
    }
    return scalars[kind]


@pytest.mark.parametrize("shape", [CellConfig, LaunchConfig])
@given(data=st.data())
def test_every_config_comes_back_equal_from_its_plain_form(shape: type, data: st.DataObject) -> None:
    value = data.draw(_values(shape))
    assert read(shape, plain(value)) == value


def _tree(composer: Composer) -> dict[str, Any]:
    tree: dict[str, Any] = plain(composer.compose().cell)
    return tree


def test_a_number_spelled_as_int_or_float_is_one_experiment(composer: Composer) -> None:
    one, same = _tree(composer), _tree(composer)
    one["recipe"]["lr"], same["recipe"]["lr"] = 1, 1.0
    assert cell_id(read(CellConfig, one)) == cell_id(read(CellConfig, same))


def _changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, list):
        return [*value, 3]
    return None


def test_every_leaf_of_a_cell_changes_its_id(composer: Composer) -> None:
    whole = _tree(composer)
    ids = {cell_id(read(CellConfig, whole))}
    tried = [path for path, value in leaves(whole).items() if _changed(value) is not None]
    for path in tried:
        tree = copy.deepcopy(whole)
        *parents, last = path.split(".")
        node = reduce(lambda inner, name: inner[name], parents, tree)
        node[last] = _changed(node[last])
        ids.add(cell_id(read(CellConfig, tree)))
    assert len(ids) == len(tried) + 1
    assert len(tried) > 25


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Measured:
    epoch: int
    values: Mapping[str, float] = dataclasses.field(metadata={"inline": True})
    note: str | None = dataclasses.field(default=None, metadata={"omit_null": True})


def test_an_inline_mapping_stands_among_the_keys_of_its_dataclass() -> None:
    value = read(_Measured, {"rmse": 1, "epoch": 3})
    assert value == _Measured(epoch=3, values={"rmse": 1.0})
    assert plain(value) == {"epoch": 3, "rmse": 1.0}
    with pytest.raises(ConfigError, match="rmse"):
        read(_Measured, {"epoch": 3, "rmse": "low"})
    with pytest.raises(ConfigError, match="missing key 'epoch'"):
        read(_Measured, {"rmse": 1.0})


def test_a_key_of_later_versions_is_left_out_where_it_is_null() -> None:
    assert plain(_Measured(epoch=1, values={}, note="x")) == {"epoch": 1, "note": "x"}
