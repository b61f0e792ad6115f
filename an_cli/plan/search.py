"""`search:` of a study file: what is searched, for what, how, and for how long. Read as strictly as everything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from an_cli.config import read
from an_cli.config.compose import GROUPS
from an_cli.errors import StudyError, nearest
from an_cli.plan.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Space, in_words

COUNTED = ("params", "macs")  # objectives that a network has before it is trained; the fewer the better


class SamplerName(StrEnum):
    """Optuna's samplers."""

    TPE = "tpe"
    GP = "gp"
    NSGAII = "nsgaii"
    QMC = "qmc"
    CMAES = "cmaes"
    GRID = "grid"
    RANDOM = "random"


class PrunerName(StrEnum):
    """Optuna's pruners: which runs are paused before their end."""

    NONE = "none"
    MEDIAN = "median"
    HALVING = "halving"
    HYPERBAND = "hyperband"
    WILCOXON = "wilcoxon"  # over seeds: a trial whose first seeds are worse is given no more


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """A sampler, its seed, and what else Optuna's class takes, in its own words."""

    name: SamplerName
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PrunerSettings:
    """A pruner, the epochs at which it is asked, and what else Optuna's class takes, in its own words."""

    name: PrunerName
    rungs: tuple[int, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """When a search ends: at the first of these. Hours are the trials' devices', without the winner's re-run."""

    trials: int
    device_hours: float | None = None
    wall_min: float | None = None


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search.

    Attributes:
        space: what is chosen, by dotted key or group.
        objectives: keys of measures, `params` or `macs`; several give a front.
        start: choices that are tried first, or names of studies whose rows are.
        report_seeds: other seeds than the trials', on which the winner's number is measured.
    """

    space: Mapping[str, Parameter]
    objectives: tuple[str, ...]
    budget: SearchBudget
    sampler: SamplerSettings = SamplerSettings(name=SamplerName.TPE)
    pruner: PrunerSettings = PrunerSettings(name=PrunerName.NONE)
    start: tuple[Any, ...] = ()
    report_seeds: tuple[int, ...] = ()

    @property
    def parameters(self) -> Space:
        """The space as a whole."""
        return Space(self.space)


def read_search(content: Mapping[str, Any], seeds: tuple[int, ...], where: str) -> Search:
    """Read what stands under `search:`.

    Args:
        content: as the file has it; `sampler` and `pruner` may be their names alone.
        seeds: of the study: those of every trial.
        where: the study.

    Raises:
        StudyError: a key, a word or a range that is none.
    """
    named = {key: {"name": content[key]} for key in ("sampler", "pruner") if isinstance(content.get(key), str)}
    search = read(Search, {**content, **named}, where=f"{where}: search", error=StudyError)
    for key, parameter in search.space.items():
        _check_parameter(key, parameter, search.space, f"{where}: search.space.{key}")
    _check_shape(search, seeds, f"{where}: search")
    return search


def _check_shape(search: Search, seeds: tuple[int, ...], where: str) -> None:
    budget, pruner = search.budget, search.pruner
    if not search.space:
        raise StudyError("the space is empty", where=f"{where}.space", now="write KEY: {type: ...}")
    if not search.objectives or len(set(search.objectives)) < len(search.objectives):
        raise StudyError("objectives are different measures, one or more", where=f"{where}.objectives")
    if budget.trials < 1 or any(limit is not None and limit <= 0 for limit in (budget.device_hours, budget.wall_min)):
        raise StudyError("a budget is above 0", where=f"{where}.budget", now="write trials: 1 or more")
    if len(search.objectives) > 1 and pruner.name is not PrunerName.NONE:
        raise StudyError(
            "pruners compare trials by one number", where=f"{where}.pruner", now="write pruner: none, or one objective"
        )
    by_epoch = pruner.name not in (PrunerName.NONE, PrunerName.WILCOXON)
    if by_epoch and search.objectives[0] in COUNTED:
        raise StudyError(f"{search.objectives[0]} does not change with epochs", where=f"{where}.pruner")
    if by_epoch is not bool(pruner.rungs) or any(rung < 1 for rung in pruner.rungs):
        raise StudyError(
            f"{pruner.name} with rungs {list(pruner.rungs)}",
            where=f"{where}.pruner.rungs",
            now="name the epochs at which a trial may be paused, 1 or more" if by_epoch else "leave rungs away",
        )
    if list(pruner.rungs) != sorted(set(pruner.rungs)):
        raise StudyError(f"rungs {list(pruner.rungs)} do not rise", where=f"{where}.pruner.rungs", now="sort them")
    if pruner.name is PrunerName.WILCOXON and len(seeds) < 2:
        raise StudyError("wilcoxon prunes over seeds", where=f"{where}.pruner", now="give the study two seeds or more")
    if shared := set(seeds) & set(search.report_seeds):
        raise StudyError(
            f"the winner is chosen on seed {min(shared)}",
            where=f"{where}.report_seeds",
            now="report it on other seeds than those of the trials",
        )


def _check_parameter(key: str, parameter: Parameter, space: Mapping[str, Parameter], where: str) -> None:
    before = list(space)[: list(space).index(key)]
    for name in parameter.when:
        if name not in before:
            raise StudyError(
                f"when: {name!r} is not chosen before it", where=where, now=nearest(name, before) if before else ""
            )
        _check_condition(name, parameter.when[name], space[name], where)
    if isinstance(parameter, CategoricalParameter):
        texts = [repr(choice) for choice in parameter.choices]
        if not texts or len(set(texts)) < len(texts):
            raise StudyError("choices are different values, one or more", where=where, now="write choices: [a, b]")
        if any(isinstance(choice, Mapping) for choice in parameter.choices):
            raise StudyError("a choice is one value", where=where, now="choose a group, or set its keys one by one")
        return
    _check_range(key, parameter, where)


def _check_condition(name: str, values: Any, parent: Parameter, where: str) -> None:
    if not isinstance(parent, CategoricalParameter):
        raise StudyError(f"when: {name} is not categorical", where=where, now="make it one, or drop the condition")
    for value in values if isinstance(values, list) else [values]:
        if value not in parent.choices:
            raise StudyError(f"when: {name} is never {value!r}", where=where, now=f"it is {in_words(parent)}")


def _check_range(key: str, parameter: IntParameter | FloatParameter, where: str) -> None:
    if key in GROUPS:
        raise StudyError(f"{key} is a group of files", where=where, now="write type: categorical, choices: [NAME, ...]")
    if parameter.low > parameter.high:
        raise StudyError(f"the range {parameter.low} to {parameter.high} is empty", where=where, now="low <= high")
    if parameter.log and parameter.low <= 0:
        raise StudyError(f"log from {parameter.low}", where=where, now="a logarithmic range begins above 0")
    stepped = parameter.step not in (None, 1)
    if parameter.log and stepped:
        raise StudyError("log and step exclude each other", where=where, now="drop one of them")
    if parameter.step is not None and parameter.step <= 0:
        raise StudyError(f"step {parameter.step}", where=where, now="a step is above 0")
    if stepped and parameter.step is not None:
        steps = (parameter.high - parameter.low) / parameter.step
        if not math.isclose(steps, round(steps), abs_tol=1e-9):
            raise StudyError(
                f"steps of {parameter.step} from {parameter.low} do not reach {parameter.high}", where=where
            )
    if (parameter.length is not None and parameter.length < 1) or (parameter.order and parameter.length is None):
        raise StudyError("order belongs to a vector", where=where, now="write length: the number of stages")
