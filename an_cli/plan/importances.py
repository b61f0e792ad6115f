"""How much each parameter matters for an objective, by Optuna's evaluators."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from an_cli.plan.samplers import distributions, to_optuna
from an_cli.plan.space import Space
from an_cli.plan.trials import Trial

LEAST = 4  # finished trials below which no importance is told


@dataclass(frozen=True)
class Importances:
    """Shares of an objective's variance by key, the largest first; empty where too few trials tell them.

    `evaluator`: the name of the method.
    """

    evaluator: str
    shares: Mapping[str, float]


def importances(space: Space, trials: Sequence[Trial], objective: int, seed: int = 0) -> Importances:
    """What the finished trials say of the parameters that all of them have.

    fANOVA needs scikit-learn; without it PED-ANOVA tells them, which needs nothing.

    Args:
        space: of the trials.
        trials: finished ones.
        objective: its place.
        seed: of fANOVA's forest.
    """
    name = "fANOVA" if importlib.util.find_spec("sklearn") else "PED-ANOVA"
    values = {trial.values[objective] for trial in trials}
    shared = set.intersection(*(set(trial.params) for trial in trials)) if trials else set()
    if len(trials) < LEAST or len(values) < 2 or not shared:
        return Importances(name, {})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.add_trials([_frozen(space, trial, objective) for trial in trials])
    evaluator: Any
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "fANOVA":
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        else:
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        by_parameter = optuna.importance.get_param_importances(study, evaluator=evaluator, params=sorted(shared))
    shares: dict[str, float] = {}
    for key in space.parameters:
        parts = [by_parameter[part] for part in space.names(key) if part in by_parameter]
        if parts:
            shares[key] = float(sum(parts))  # of a vector all of its elements together
    return Importances(name, dict(sorted(shares.items(), key=lambda item: -item[1])))


def _frozen(space: Space, trial: Trial, objective: int) -> optuna.trial.FrozenTrial:
    return create_trial(
        state=OptunaState.COMPLETE,
        params=to_optuna(trial.params),
        distributions=distributions(space, trial.params),
        value=trial.values[objective],
    )
