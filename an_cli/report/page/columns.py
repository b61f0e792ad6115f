"""Columns and curves in few bytes, so that a page of 10,000 runs opens at once.

A column is `{"values": [...], "index": [...]}`: distinct values, and which of them each run has; a column in which all
runs agree has no index. A curve is a base64 text of little-endian 16-bit steps between its lowest and highest value.
"""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_STEPS = 65535


def coded(values: Iterable[object]) -> dict[str, Any]:
    """A column with few distinct values."""
    codes: dict[str, int] = {}
    distinct: list[object] = []
    index = []
    for value in values:
        clean = finite(value)
        key = f"{type(clean).__name__}:{clean!r}"
        if key not in codes:
            codes[key] = len(distinct)
            distinct.append(clean)
        index.append(codes[key])
    return {"values": distinct, "index": index} if len(distinct) > 1 else {"values": distinct}


def numbers(values: Iterable[float | int | None], digits: int = 6) -> list[float | int | None]:
    """A column of numbers, each with so many significant digits; null for what is missing or not finite."""
    return [_rounded(finite(value), digits) for value in values]


def _rounded(value: object, digits: int) -> float | int | None:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    return value if isinstance(value, int) else None


def finite(value: object) -> object:
    """A value that JSON can hold: lists for tuples, null for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple | list):
        return [finite(item) for item in value]
    return value


def thin(epochs: Sequence[int], points: int) -> list[int]:
    """Evenly spaced epochs of a curve, at most so many, the last one among them."""
    if len(epochs) <= points:
        return list(epochs)
    stride = math.ceil(len(epochs) / (points - 1))
    return [*epochs[:-1:stride], epochs[-1]]


def curve(series: Mapping[int, float], epochs: Sequence[int]) -> list[object] | None:
    """A curve at given epochs as [lowest, highest, steps]; None where it has no point.

    Each value is off by at most half a step, 1/131070 of the curve's range.
    """
    values = [series[epoch] for epoch in epochs if epoch in series]
    if not values:
        return None
    low, high = min(values), max(values)
    unit = (high - low) / (_STEPS - 1) or 1.0
    steps = array("H", [round((series[epoch] - low) / unit) if epoch in series else _STEPS for epoch in epochs])
    if _big_endian():
        steps.byteswap()
    return [low, high, base64.b64encode(steps.tobytes()).decode()]


def _big_endian() -> bool:
    return array("H", [1]).tobytes()[0] == 0
