"""Measure against size for designs of one network: every row has its own color and marker, named beside the axes.

Designs of one network often have nearly the same size. Such points stand side by side, so that each can be seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from an_cli.report.figures.size_axis import SizeAxis, mark_sizes, size_axis
from an_cli.report.figures.style import GRAY, PALETTE
from an_cli.report.figures.tradeoff import Axis, Point, Tradeoff

_MARKERS = "osD^vPX<>p"
_CLOSE = _STEP = 0.025  # of the sizes' range: points nearer to each other than this stand this far from each other
_ALONE = 0.1  # logarithmic range of an axis on which all have one size
_LEGEND_LINES = 24  # of one column of names


def are_designs(points: Sequence[Point]) -> bool:
    """Whether rows differ in more than network and method, so that those do not name a point."""
    measured = [(point.group, point.method) for point in points if not point.quoted]
    return len(set(measured)) < len(measured)


def draw_designs(tradeoff: Tradeoff) -> Figure:
    """Draw Figure 1 of a study whose rows are designs; hollow points are quoted."""
    figure = Figure(figsize=(6.2, 3.3), layout="constrained")
    axes = figure.subplots()
    xs = [point.x for point in tradeoff.points]
    unit = size_axis(tradeoff)
    labels = list(dict.fromkeys(point.label for point in tradeoff.points))
    looks = {
        label: (PALETTE[index % len(PALETTE)], _MARKERS[index % len(_MARKERS)]) for index, label in enumerate(labels)
    }
    places = _side_by_side(xs, unit)
    for point, place in zip(tradeoff.points, places, strict=True):
        _draw_point(axes, point, place / unit.scale, looks[point.label])
    mark_sizes(axes, unit, xs)
    axes.set_ylabel(tradeoff.measure.axis)
    axes.set_title(tradeoff.title, loc="left", wrap=True)
    axes.margins(x=0.14, y=0.1)
    axes.legend(
        handles=_legend(tradeoff.points, looks),
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        borderaxespad=0,
        ncols=math.ceil(len(labels) / _LEGEND_LINES),
    )
    if places != xs:
        text = f"points of nearly equal {'size' if tradeoff.axis in list(Axis) else tradeoff.across} stand side by side"
        figure.text(0.01, -0.02, text, fontsize=6.5, color=GRAY)
    return figure


def _side_by_side(xs: Sequence[float], axis: SizeAxis) -> list[float]:
    """Where each number is drawn: close ones to the left and to the right of their middle."""
    along = [axis.place(x) for x in xs]
    span = max(along) - min(along) or _ALONE
    order = sorted(range(len(xs)), key=lambda index: (along[index], index))
    places = list(xs)
    while order:
        together = [index for index in order if along[index] - along[order[0]] <= _CLOSE * span]
        order = order[len(together) :]
        if len(together) > 1:
            middle = sum(along[index] for index in together) / len(together)
            for place, index in enumerate(together):
                places[index] = axis.number(middle + (place - (len(together) - 1) / 2) * _STEP * span)
    return places


def _draw_point(axes: Axes, point: Point, x: float, look: tuple[str, str]) -> None:
    color, marker = look
    axes.errorbar(
        [x],
        [point.value],
        yerr=None if point.spread is None else [point.spread],
        marker=marker,
        markersize=5.5,
        color=color,
        markerfacecolor="white" if point.quoted else color,
        markeredgewidth=1.2,
        elinewidth=0.9,
        capsize=2,
        linestyle="none",
    )


def _legend(points: Sequence[Point], looks: dict[str, tuple[str, str]]) -> list[Line2D]:
    measured = {point.label for point in points if not point.quoted}
    named = [_key(label, color, marker, label in measured) for label, (color, marker) in looks.items()]
    both = any(point.quoted and point.label in measured for point in points)
    return [*named, *([_key("hollow: as printed", GRAY, "o", False)] if both else [])]


def _key(label: str, color: str, marker: str, filled: bool) -> Line2D:
    face = color if filled else "white"
    return Line2D(
        [], [], color=color, marker=marker, markersize=5.5, markerfacecolor=face, linestyle="none", label=label
    )
