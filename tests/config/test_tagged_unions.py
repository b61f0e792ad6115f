"""A field that is one of several dataclasses: the word that tells them apart decides which keys are legal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import pytest

from an_cli.config import plain, read
from an_cli.errors import ConfigError


class Shape(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"


class Outline(StrEnum):
    DASHED = "dashed"


@dataclass(frozen=True, kw_only=True)
class Circle:
    paint: str
    shape: Literal[Shape.CIRCLE]
    radius: float


@dataclass(frozen=True, kw_only=True)
class Square:
    paint: str
    shape: Literal[Shape.SQUARE]
    side: float


@dataclass(frozen=True, kw_only=True)
class Line:
    paint: str
    shape: Outline


@dataclass(frozen=True, kw_only=True)
class Drawing:
    part: Circle | Square | Line | None


@dataclass(frozen=True, kw_only=True)
class Twins:
    part: Circle | Drawing


@pytest.mark.parametrize(
    "part",
    [
        Circle(paint="red", shape=Shape.CIRCLE, radius=1.0),
        Square(paint="red", shape=Shape.SQUARE, side=2.0),
        Line(paint="red", shape=Outline.DASHED),
        None,
    ],
)
def test_the_word_chooses_the_class_and_the_value_comes_back_equal(part: Circle | Square | Line | None) -> None:
    drawing = Drawing(part=part)
    assert read(Drawing, plain(drawing)) == drawing


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"paint": "red", "shape": "circel"}, "'circel' is not a legal word (part.shape) -> did you mean circle?"),
        ({"paint": "red"}, "missing key 'shape' (part.shape) -> legal: circle, dashed, square"),
        ({"paint": "red", "shape": "circle", "side": 1.0}, "unknown key 'side' (part.side) -> legal: paint, radius"),
        ({"paint": "red", "shape": "circle"}, "missing key 'radius' (part.radius)"),
        ({"paint": "red", "shape": 3}, "3 is not a legal word (part.shape)"),
        ("circle", "'circle' stands where keys are expected (part) -> write shape and its keys"),
    ],
)
def test_a_part_that_fits_no_class_is_named_with_what_is_legal(part: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Drawing, {"part": part})
    assert message in str(caught.value)


def test_classes_that_no_word_tells_apart_are_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="no field tells Circle, Drawing apart"):
        read(Twins, {"part": {}})
