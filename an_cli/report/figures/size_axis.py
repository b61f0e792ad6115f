"""The horizontal axis of Figure 1. Sizes: logarithmic, in a unit that fits, with a handful of round ticks.

Other columns: as they are, logarithmic where they reach over more than an order of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from an_cli.report.figures.tradeoff import Axis, Tradeoff

_NAMES = {Axis.PARAMS: "parameters", Axis.MACS: "multiply-accumulates per image"}
_UNITS = {Axis.PARAMS: ((1e6, "millions"), (1e3, "thousands")), Axis.MACS: ((1e9, "billions"), (1e6, "millions"))}


@dataclass(frozen=True)
class SizeAxis:
    """What numbers are divided by, the axis' title, and whether it is logarithmic."""

    scale: float
    title: str
    is_log: bool = True

    def place(self, x: float) -> float:
        """Where a number stands along the axis, in a measure in which distances are what they look like."""
        return math.log(x) if self.is_log else x

    def number(self, place: float) -> float:
        """The number that stands at a place."""
        return math.exp(place) if self.is_log else place


_WIDE = 20  # largest over smallest from which on a logarithmic axis shows more


def size_axis(tradeoff: Tradeoff) -> SizeAxis:
    """Of sizes the larger unit, unless every size is below a tenth of it; other columns have none."""
    xs = [point.x for point in tradeoff.points]
    if tradeoff.axis not in list(Axis):
        return SizeAxis(1.0, tradeoff.across, is_log=min(xs) > 0 and max(xs) / min(xs) >= _WIDE)
    axis = Axis(tradeoff.axis)
    large, small = _UNITS[axis]
    scale, unit = small if max(xs) < large[0] / 10 else large
    return SizeAxis(scale, f"{_NAMES[axis]} ({unit})")


def mark_sizes(axes: Axes, axis: SizeAxis, xs: Sequence[float]) -> None:
    """Make the horizontal axis of some axes that one."""
    axes.set_xlabel(axis.title)
    if not axis.is_log:
        return
    axes.set_xscale("log")
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
