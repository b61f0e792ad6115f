"""Figure 1: error against size. Color is the family, marker the method; hollow points are quoted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from an_cli.report.figures.draw_designs import are_designs, draw_designs
from an_cli.report.figures.size_axis import SizeAxis, mark_sizes, size_axis
from an_cli.report.figures.style import GRAY, PALETTE
from an_cli.report.figures.tradeoff import Point, Tradeoff

_MARKERS = {"AN": "o", "BN": "s", "GN": "^", "SN": "v", "SE": "D"}
_LINES: dict[str, Any] = {"AN": "-", "BN": (0, (4, 2))}


def draw_tradeoff(tradeoff: Tradeoff) -> Figure:
    """Draw Figure 1.

    AN and BN are joined along each family, thin lines lead from BN to AN of one network, bars show the standard
    deviation over seeds. Designs of one network have their own figure: nothing joins them, and each has a name.
    """
    if are_designs(tradeoff.points):
        return draw_designs(tradeoff)
    figure = Figure(figsize=(4.6, 3.3), layout="constrained")
    axes = figure.subplots()
    families = list(dict.fromkeys(point.family for point in tradeoff.points))
    colors = {family: PALETTE[index % len(PALETTE)] for index, family in enumerate(families)}
    xs = [point.x for point in tradeoff.points]
    unit = size_axis(tradeoff)
    for family in families:
        _draw_family(axes, [point for point in tradeoff.points if point.family == family], colors[family], unit.scale)
    _name_groups(axes, tradeoff.points, unit)
    mark_sizes(axes, unit, xs)
    axes.set_ylabel(tradeoff.measure.axis)
    axes.set_title(tradeoff.title, loc="left", wrap=True)
    axes.margins(x=0.12, y=0.14)
    axes.legend(
        handles=_legend(tradeoff.points, colors), loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0
    )
    return figure


def _draw_family(axes: Axes, points: Sequence[Point], color: str, scale: float) -> None:
    for quoted in (False, True):
        for method, line in _LINES.items():
            chosen = [point for point in points if point.method == method and point.quoted is quoted]
            if len({point.group for point in chosen}) < len(chosen):
                continue  # designs of one network, not a family of networks
            chosen.sort(key=lambda point: point.x)
            xs, ys = [point.x / scale for point in chosen], [point.value for point in chosen]
            axes.plot(xs, ys, color=color, linestyle=line, alpha=0.6 if quoted else 1, zorder=2)
        _join_groups(axes, [point for point in points if point.quoted is quoted], color, scale)
    for point in points:
        _draw_point(axes, point, color, scale)


def _join_groups(axes: Axes, points: Sequence[Point], color: str, scale: float) -> None:
    for group in dict.fromkeys(point.group for point in points):
        ends = {point.method: point for point in points if point.group == group}
        if "BN" in ends and "AN" in ends:
            pair = (ends["BN"], ends["AN"])
            xs, ys = [point.x / scale for point in pair], [point.value for point in pair]
            axes.plot(xs, ys, color=color, linewidth=0.7, alpha=0.6, zorder=1)


def _draw_point(axes: Axes, point: Point, color: str, scale: float) -> None:
    axes.errorbar(
        [point.x / scale],
        [point.value],
        yerr=None if point.spread is None else [point.spread],
        marker=_MARKERS.get(point.method, "P"),
        markersize=6 if point.method == "AN" else 5.5,
        color=color,
        markerfacecolor="white" if point.quoted else color,
        markeredgewidth=1.2,
        elinewidth=0.9,
        capsize=2,
        linestyle="none",
        zorder=3,
    )


def _name_groups(axes: Axes, points: Sequence[Point], axis: SizeAxis) -> None:
    """Write each group's name under its lowest point, or over its highest where another group is in the way."""
    for group in dict.fromkeys(point.group for point in points):
        members = [point for point in points if point.group == group]
        others = [point for point in points if point.group != group]
        low, high = (choose(members, key=lambda point: point.value) for choose in (min, max))
        above = any(_just_below(low, other, points, axis) for other in others)
        chosen, shift, side = (high, 7, "bottom") if above else (low, -8, "top")
        axes.annotate(
            _shared_name(group, [point.label for point in members]),
            (chosen.x / axis.scale, chosen.value),
            (0, shift),
            textcoords="offset points",
            ha="center",
            va=side,
            fontsize=7,
            color=GRAY,
        )


def _just_below(point: Point, other: Point, points: Sequence[Point], axis: SizeAxis) -> bool:
    """Whether another point lies where this one's name would stand."""
    xs, ys = [axis.place(point.x) for point in points], [point.value for point in points]
    across = abs(axis.place(other.x) - axis.place(point.x)) / (max(xs) - min(xs) or 1)
    down = (point.value - other.value) / (max(ys) - min(ys) or 1)
    return across < 0.15 and 0 < down < 0.12


def _shared_name(group: str, labels: Sequence[str]) -> str:
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*labels, strict=False))
    shared = "".join(letters[0] for letters in alike).rstrip(" -_(/") if len(set(labels)) > 1 else ""
    return shared if len(shared) > 2 else group


def _legend(points: Sequence[Point], colors: dict[str, str]) -> list[Line2D]:
    families = (
        [Line2D([], [], color=color, label=family) for family, color in colors.items()] if len(colors) > 1 else []
    )
    shown = list(dict.fromkeys((point.method, point.quoted) for point in points))
    shown.sort(key=lambda pair: (pair[1], [*_MARKERS, pair[0]].index(pair[0])))
    return [*families, *(_method_key(method, quoted) for method, quoted in shown)]


def _method_key(method: str, quoted: bool) -> Line2D:
    return Line2D(
        [],
        [],
        color=GRAY,
        marker=_MARKERS.get(method, "P"),
        markersize=5.5,
        markerfacecolor="white" if quoted else GRAY,
        linestyle=_LINES.get(method, "none"),
        label=f"{method}, as printed" if quoted else method,
    )
