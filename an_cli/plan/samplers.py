"""Optuna's samplers, pruners and distributions for a search. Nothing of them is rewritten here."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection

from an_cli.config.task import Better
from an_cli.errors import StudyError
from an_cli.files import canonical_json
from an_cli.plan.search import COUNTED, PrunerName, SamplerName, Search
from an_cli.plan.space import CategoricalParameter, IntParameter, Parameter, Params, Space
from an_cli.store import Measures

optuna.logging.set_verbosity(optuna.logging.ERROR)
_EVERY_TIME = (SamplerName.QMC, SamplerName.GRID)  # whose sequence hangs on the seed: it must not change
_SAMPLERS: Mapping[SamplerName, Callable[..., optuna.samplers.BaseSampler]] = {
    SamplerName.TPE: optuna.samplers.TPESampler,
    SamplerName.GP: optuna.samplers.GPSampler,
    SamplerName.NSGAII: optuna.samplers.NSGAIISampler,
    SamplerName.QMC: optuna.samplers.QMCSampler,
    SamplerName.CMAES: optuna.samplers.CmaEsSampler,
    SamplerName.GRID: optuna.samplers.GridSampler,
    SamplerName.RANDOM: optuna.samplers.RandomSampler,
}
_PRUNERS: Mapping[PrunerName, Callable[..., optuna.pruners.BasePruner]] = {
    PrunerName.NONE: optuna.pruners.NopPruner,
    PrunerName.MEDIAN: optuna.pruners.MedianPruner,
    PrunerName.HALVING: optuna.pruners.SuccessiveHalvingPruner,
    PrunerName.HYPERBAND: optuna.pruners.HyperbandPruner,
    PrunerName.WILCOXON: optuna.pruners.WilcoxonPruner,
}
_INTERSECTION = "_search_space"  # the parameters that all trials share, counted on from trial to trial
_GRID_POINTS = 100_000  # more values than that of one parameter are no grid


def make_sampler(
    search: Search, trial: int, before: optuna.samplers.BaseSampler | None = None
) -> optuna.samplers.BaseSampler:
    """The sampler for the next trial.

    Its draws hang on the search's seed and on how many trials there are, not on which process asks.

    Args:
        search: names it.
        trial: number of the next trial.
        before: the sampler of a trial before it: what TPE knows of the space it need not find out again.

    Raises:
        StudyError: an option that Optuna's class does not take, or a package that it needs and that is not installed.
    """
    settings = search.sampler
    seed = settings.seed
    if settings.name not in _EVERY_TIME:
        seed = int(hashlib.sha256(f"{settings.seed} {trial}".encode()).hexdigest()[:8], 16)
    given: dict[str, Any] = {"seed": seed, **settings.options}
    if settings.name is SamplerName.TPE:
        given = {"constant_liar": True, **given}
    if settings.name is SamplerName.QMC:
        given = {"scramble": True, "warn_independent_sampling": False, **given}
    if settings.name is SamplerName.GRID:
        given["search_space"] = grid_of(search.parameters)
    made: optuna.samplers.BaseSampler = _made(_SAMPLERS[settings.name], given, f"search.sampler ({settings.name})")
    if before is not None and hasattr(before, _INTERSECTION):  # half of an ask at 10,000 trials
        setattr(made, _INTERSECTION, getattr(before, _INTERSECTION))
    return made


def make_pruner(search: Search, epochs: int) -> optuna.pruners.BasePruner:
    """The pruner of a search.

    Args:
        search: names it.
        epochs: of a whole trial.

    Raises:
        StudyError: an option that Optuna's class does not take.
    """
    settings = search.pruner
    given: dict[str, Any] = {}
    if settings.name in (PrunerName.HALVING, PrunerName.HYPERBAND):
        given = {"min_resource": settings.rungs[0], "reduction_factor": 2}
    if settings.name is PrunerName.HYPERBAND:
        given["max_resource"] = epochs
    options = {**given, **settings.options}
    made: optuna.pruners.BasePruner = _made(_PRUNERS[settings.name], options, f"search.pruner ({settings.name})")
    return made


def _made(make: Callable[..., Any], given: Mapping[str, Any], where: str) -> Any:
    try:
        with warnings.catch_warnings():  # of what Optuna calls experimental, which its names and our tests cover
            warnings.simplefilter("ignore")
            return make(**given)
    except (TypeError, ValueError) as error:
        raise StudyError(f"Optuna does not take these options: {error}", where=where) from error
    except ImportError as error:
        what = " ".join(str(error).split())
        raise StudyError(f"it needs a package: {what}", where=where, now="pip install 'an-cli[sweep]'") from error


def directions(search: Search, measures: Measures) -> list[StudyDirection]:
    """Which way each objective is better."""
    lower = {key: key in COUNTED or measures[key].better is Better.LOWER for key in search.objectives}
    return [StudyDirection.MINIMIZE if lower[key] else StudyDirection.MAXIMIZE for key in search.objectives]


def distribution(parameter: Parameter) -> BaseDistribution:
    """A parameter as Optuna's distribution of one value. A choice that is a list is given as its text."""
    if isinstance(parameter, CategoricalParameter):
        return CategoricalDistribution([_scalar(choice) for choice in parameter.choices])
    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


def distributions(space: Space, params: Params) -> dict[str, BaseDistribution]:
    """The distributions of a choice's values, by name."""
    return {
        name: distribution(parameter)
        for key, parameter in space.parameters.items()
        for name in space.names(key)
        if name in params
    }


def to_optuna(params: Params) -> dict[str, Any]:
    """A choice as Optuna holds it."""
    return {name: _scalar(value) for name, value in params.items()}


def from_optuna(space: Space, params: Params) -> dict[str, Any]:
    """A choice as the space has it."""
    texts = {
        key: {_scalar(choice): choice for choice in parameter.choices}
        for key, parameter in space.parameters.items()
        if isinstance(parameter, CategoricalParameter)
    }
    return {name: texts[name][value] if name in texts else value for name, value in params.items()}


def suggest(space: Space, trial: optuna.Trial) -> dict[str, Any]:
    """Let a trial choose, parameter by parameter, and give its one spelling."""
    params: dict[str, Any] = {}
    for key, parameter in space.parameters.items():
        if space.applies(key, params):
            suggested = {name: _suggested(trial, name, distribution(parameter)) for name in space.names(key)}
            params |= space.spelled(key, list(from_optuna(space, suggested).values()))
    return params


def _suggested(trial: optuna.Trial, name: str, kind: BaseDistribution) -> Any:
    if isinstance(kind, CategoricalDistribution):
        return trial.suggest_categorical(name, kind.choices)
    if isinstance(kind, IntDistribution):
        return trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log)
    assert isinstance(kind, FloatDistribution)
    return trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)


def _scalar(choice: Any) -> Any:
    return canonical_json(choice) if isinstance(choice, (list, tuple)) else choice


def grid_of(space: Space) -> dict[str, list[Any]]:
    """Every value of every name, for a grid.

    Raises:
        StudyError: a parameter with a continuum of values.
    """
    grid: dict[str, list[Any]] = {}
    for key, parameter in space.parameters.items():
        for name in space.names(key):
            grid[name] = _all_values(key, parameter)
    return grid


def _all_values(key: str, parameter: Parameter) -> list[Any]:
    if isinstance(parameter, CategoricalParameter):
        return [_scalar(choice) for choice in parameter.choices]
    if parameter.step is None or (parameter.high - parameter.low) / parameter.step > _GRID_POINTS:
        raise StudyError(f"{key} has no grid", where=f"search.space.{key}", now="give it a step, or another sampler")
    count = round((parameter.high - parameter.low) / parameter.step)
    return [parameter.low + index * parameter.step for index in range(count + 1)]
