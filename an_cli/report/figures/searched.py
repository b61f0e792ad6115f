"""What the figures of a search show: its trials as points, computed apart from drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from an_cli.config.task import Better, Measure
from an_cli.plan.space import CategoricalParameter, Parameter, Space
from an_cli.plan.trials import Trial, Trials
from an_cli.plan.winners import winners


@dataclass(frozen=True, kw_only=True)
class AxisOfParameter:
    """A value of the space as an axis: numbers, or choices by their place.

    Attributes:
        title: its name without what stands before the last dot.
        choices: of a categorical one, in the order of their places; empty for numbers.
        log: whether it is drawn so.
    """

    title: str
    choices: tuple[str, ...]
    log: bool


@dataclass(frozen=True, kw_only=True)
class SearchedPoint:
    """A finished trial: its objectives, and its place on the axes of the space; None where it has no value there."""

    number: int
    values: tuple[float, ...]
    at: tuple[float | None, ...]
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class Searched:
    """A search to be drawn.

    Attributes:
        best_so_far: the best first objective after each finished trial, in their order.
        importances: of the first objective, by key.
    """

    title: str
    objectives: tuple[Measure, ...]
    axes: tuple[AxisOfParameter, ...]
    points: tuple[SearchedPoint, ...]
    best_so_far: tuple[float, ...]
    importances: Mapping[str, float]
    evaluator: str


def searched(
    title: str,
    space: Space,
    objectives: tuple[Measure, ...],
    trials: Trials,
    shares: Mapping[str, float],
    evaluator: str,
) -> Searched:
    """A search's finished trials as points."""
    lower = [measure.better is Better.LOWER for measure in objectives]
    best = {trial.number for trial in winners(trials.all, lower)}
    parameters = {name: space.parameters[key] for key in space.parameters for name in space.names(key)}
    return Searched(
        title=title,
        objectives=objectives,
        axes=tuple(_axis(name, parameter) for name, parameter in parameters.items()),
        points=tuple(_point(trial, parameters, trial.number in best) for trial in trials.finished),
        best_so_far=tuple(_best_so_far([trial.values[0] for trial in trials.finished], lower[0])),
        importances=shares,
        evaluator=evaluator,
    )


def _axis(name: str, parameter: Parameter) -> AxisOfParameter:
    categorical = isinstance(parameter, CategoricalParameter)
    choices = tuple(map(str, parameter.choices)) if isinstance(parameter, CategoricalParameter) else ()
    return AxisOfParameter(
        title=name.rpartition(".")[2], choices=choices, log=not categorical and bool(getattr(parameter, "log", False))
    )


def _point(trial: Trial, parameters: Mapping[str, Parameter], is_best: bool) -> SearchedPoint:
    at = tuple(_place(trial.params.get(name), parameter) for name, parameter in parameters.items())
    return SearchedPoint(number=trial.number, values=trial.values, at=at, is_best=is_best)


def _place(value: object, parameter: Parameter) -> float | None:
    if value is None:
        return None
    if isinstance(parameter, CategoricalParameter):
        return float(parameter.choices.index(value))
    return float(value)  # type: ignore[arg-type]


def _best_so_far(values: Sequence[float], lower: bool) -> list[float]:
    best: list[float] = []
    for value in values:
        best.append(value if not best else min(best[-1], value) if lower else max(best[-1], value))
    return best
