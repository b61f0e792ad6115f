"""The figures of a search: history, importances, slices, parallel coordinates, front; a function each."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from an_cli.config.task import Measure
from an_cli.report.figures.searched import AxisOfParameter, Searched
from an_cli.report.figures.style import GRAY, PAGE_IN, PALETTE

_ROW_IN, _COLUMNS = 2.0, 3
_POINT, _BEST = PALETTE[0], PALETTE[1]


def draw_history(searched: Searched) -> Figure:
    """The first objective of every finished trial, and the best so far."""
    figure, axes = _figure(searched)
    numbers = [point.number for point in searched.points]
    axes.scatter(numbers, [point.values[0] for point in searched.points], s=12, color=_POINT, label="trial")
    axes.step(numbers, searched.best_so_far, where="post", color=_BEST, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel(_title(searched.objectives[0]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def draw_importances(searched: Searched) -> Figure:
    """Shares of the first objective's variance, by parameter."""
    figure, axes = _figure(searched, height_in=0.9 + 0.28 * max(1, len(searched.importances)))
    keys = list(searched.importances)[::-1]
    axes.barh([key.rpartition(".")[2] for key in keys], [searched.importances[key] for key in keys], color=_POINT)
    axes.set_xlabel(f"share of the variance of {searched.objectives[0].title} ({searched.evaluator})")
    axes.set_xlim(0, 1)
    return figure


def draw_slices(searched: Searched) -> Figure:
    """The first objective against each value of the space."""
    lines = -(-len(searched.axes) // _COLUMNS)
    figure = Figure(figsize=(PAGE_IN, 0.4 + _ROW_IN * lines), layout="constrained")
    panels = figure.subplots(lines, _COLUMNS, squeeze=False, sharey=True)
    for place, axes in enumerate(panels.flat):
        if place >= len(searched.axes):
            axes.set_visible(False)
            continue
        points = [(point.at[place], point) for point in searched.points if point.at[place] is not None]
        colors = [_BEST if point.is_best else _POINT for _, point in points]
        axes.scatter([at for at, _ in points], [point.values[0] for _, point in points], s=10, c=colors)
        _scale(axes, searched.axes[place])
    for axes in panels[:, 0]:
        axes.set_ylabel(_title(searched.objectives[0]))
    figure.suptitle(searched.title, x=0.01, ha="left", fontsize=8)
    return figure


def _scale(axes: Axes, axis: AxisOfParameter) -> None:
    axes.set_xlabel(axis.title)
    if axis.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))  # no mathematics in our fonts
        axes.xaxis.set_minor_formatter(NullFormatter())
    if axis.choices:
        axes.set_xticks(range(len(axis.choices)), axis.choices)
        axes.set_xlim(-0.5, len(axis.choices) - 0.5)


def draw_parallel(searched: Searched) -> Figure:
    """A line per trial over all values of the space; the darker, the better its first objective."""
    figure, axes = _figure(searched)
    order = sorted(searched.points, key=lambda point: -searched.objectives[0].better.sign * point.values[0])
    for rank, point in reversed(list(enumerate(order))):
        heights = [_height(searched, place, at) for place, at in enumerate(point.at)]
        alpha = 0.15 + 0.75 * (1 - rank / max(1, len(order) - 1))
        color, width = (_BEST, 1.6) if point.is_best else (_POINT, 0.8)
        axes.plot(range(len(heights)), heights, color=color, alpha=1 if point.is_best else alpha, linewidth=width)
    axes.set_xticks(range(len(searched.axes)), [axis.title for axis in searched.axes], rotation=30, ha="right")
    axes.set_yticks([])
    for place, axis in enumerate(searched.axes):
        axes.axvline(place, color=GRAY, linewidth=0.5)
        low, high = _ends(searched, place)
        axes.annotate(axis.choices[0] if axis.choices else f"{low:.3g}", (place, 0), fontsize=6, ha="left", va="top")
        axes.annotate(axis.choices[-1] if axis.choices else f"{high:.3g}", (place, 1), fontsize=6, ha="left")
    return figure


def _ends(searched: Searched, place: int) -> tuple[float, float]:
    values = [at for point in searched.points if (at := point.at[place]) is not None]
    choices = searched.axes[place].choices
    return (0.0, float(len(choices) - 1)) if choices else (min(values, default=0.0), max(values, default=1.0))


def _height(searched: Searched, place: int, at: float | None) -> float:
    """A value's place between the ends of its axis; below it where there is none."""
    if at is None:
        return -0.08
    low, high = _ends(searched, place)
    if searched.axes[place].log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return (at - low) / (high - low) if high > low else 0.5


def draw_front(searched: Searched) -> Figure:
    """The first two objectives of every finished trial, and the front."""
    figure, axes = _figure(searched)
    others = [point for point in searched.points if not point.is_best]
    front = sorted((point.values[:2] for point in searched.points if point.is_best), key=lambda values: values[-1])
    axes.scatter([p.values[-1] for p in others], [p.values[0] for p in others], s=12, color=GRAY, label="trial")
    axes.plot([v[-1] for v in front], [v[0] for v in front], "o-", markersize=4, color=_BEST, label="front")
    axes.set_xlabel(_title(searched.objectives[1]))
    axes.set_ylabel(_title(searched.objectives[0]))
    axes.legend()
    return figure


def _figure(searched: Searched, height_in: float = 2.6) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(PAGE_IN, height_in), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(searched.title, x=0.01, ha="left", fontsize=8)
    return figure, axes


def _title(measure: Measure) -> str:
    return f"{measure.title} ({measure.unit})" if measure.unit else measure.title
