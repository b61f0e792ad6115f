"""The axis of Figure 1 that shows sizes: logarithmic, in a unit that fits, with a handful of round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from an_cli.report.figures.tradeoff import Axis

_NAMES = {Axis.PARAMS: "parameters", Axis.MACS: "multiply-accumulates per image"}
_UNITS = {Axis.PARAMS: ((1e6, "millions"), (1e3, "thousands")), Axis.MACS: ((1e9, "billions"), (1e6, "millions"))}


@dataclass(frozen=True)
class SizeAxis:
    """What sizes are divided by, and the axis' title."""

    scale: float
    title: str


def size_axis(axis: Axis, xs: Sequence[float]) -> SizeAxis:
    """The larger unit, unless every size is below a tenth of it."""
    large, small = _UNITS[axis]
    scale, unit = small if max(xs) < large[0] / 10 else large
    return SizeAxis(scale, f"{_NAMES[axis]} ({unit})")


def mark_sizes(axes: Axes, axis: SizeAxis, xs: Sequence[float]) -> None:
    """Make the horizontal axis of some axes one of sizes."""
    axes.set_xscale("log")
    axes.set_xlabel(axis.title)
    low, high = min(xs) / axis.scale / 1.25, max(xs) / axis.scale * 1.25
    steps = [step * 10.0**power for power in range(-6, 7) for step in (1, 2, 3, 5)]
    ticks = [step for step in steps if low <= step <= high]
    if len(ticks) < 2:
        ends = (min(xs) / axis.scale, max(xs) / axis.scale)
        ticks = sorted({ends[0], math.sqrt(ends[0] * ends[1]), ends[1]})
    axes.set_xticks(ticks, _distinct_texts(ticks))
    axes.set_xticks([], minor=True)


def _distinct_texts(ticks: Sequence[float]) -> list[str]:
    """Numbers with as many digits as they need to differ, three at least."""
    several = ([f"{tick:.{digits}g}" for tick in ticks] for digits in range(3, 10))
    return next((texts for texts in several if len(set(texts)) == len(texts)), [f"{tick:.9g}" for tick in ticks])
