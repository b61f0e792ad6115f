"""Optuna's storage as its samplers and pruners are to see it: nothing that they try is written.

A sampler draws a trial that may turn out to be one we have; a pruner is asked again about a trial that is paused. Both
happen on a view: drafts exist in it alone, paused trials look pruned, and what the study itself keeps (a sequence's
place) goes through to the storage.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState, create_trial


class StorageView(BaseStorage):
    """A storage with drafts beside its trials.

    Args:
        storage: what lies below.
        study_id: of the one study that is looked at.
        asked_again: number of a paused trial that a pruner is to judge as if it ran.
    """

    def __init__(self, storage: BaseStorage, study_id: int, asked_again: int | None = None) -> None:
        self._storage, self._study, self._asked_again = storage, study_id, asked_again
        self._drafts: dict[int, FrozenTrial] = {}
        self._below: list[FrozenTrial] | None = None  # seen once: nobody else writes during a turn

    def take_draft(self) -> FrozenTrial:
        """The newest draft."""
        return next(reversed(self._drafts.values()))

    def settle_draft(self, like: FrozenTrial) -> None:
        """Let the newest draft end as a trial that is the same choice, so that the sampler draws another one."""
        draft = self.take_draft()
        draft.state = like.state if like.state.is_finished() else TrialState.RUNNING
        draft.values, draft.datetime_complete = like.values, like.datetime_complete

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        number = len(self.get_all_trials(study_id, deepcopy=False))
        draft = copy.deepcopy(template_trial) if template_trial else create_trial(state=TrialState.RUNNING)
        draft.number, draft._trial_id = number, -1 - len(self._drafts)
        self._drafts[draft._trial_id] = draft
        return draft._trial_id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        draft = self._drafts[trial_id]
        draft._distributions = {**draft.distributions, param_name: distribution}
        draft.params = {**draft.params, param_name: distribution.to_external_repr(param_value_internal)}

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        raise NotImplementedError("a view is looked at, and told nothing")

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        raise NotImplementedError("a view is looked at, and told nothing")

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._drafts[trial_id].set_user_attr(key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id in self._drafts:
            draft = self._drafts[trial_id]
            draft.system_attrs = {**draft.system_attrs, key: value}
        elif self._asked_again is None:
            self._below = None
            self._storage.set_trial_system_attr(trial_id, key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        draft = self._drafts.get(trial_id)
        return self._seen(self._storage.get_trial(trial_id)) if draft is None else draft

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        if self._below is None:
            self._below = [self._seen(trial) for trial in self._storage.get_all_trials(study_id, deepcopy=False)]
        trials = [*self._below, *self._drafts.values()]
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _seen(self, trial: FrozenTrial) -> FrozenTrial:
        if trial.number == self._asked_again:
            return as_if_running(trial)
        if trial.state is not TrialState.WAITING:
            return trial
        paused = copy.copy(trial)
        paused.state, paused.datetime_complete = TrialState.PRUNED, paused.datetime_start
        return paused

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        raise NotImplementedError("a view has one study")

    def delete_study(self, study_id: int) -> None:
        raise NotImplementedError("a view has one study")

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._storage.set_study_user_attr(study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._storage.set_study_system_attr(study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._study

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._storage.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_system_attrs(study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        return self._storage.get_all_studies()


def as_if_running(trial: FrozenTrial) -> FrozenTrial:
    """A paused trial as it was when its pruner was last asked: running, its last rung not counted yet."""
    again = copy.copy(trial)
    rungs = sorted(key for key in trial.system_attrs if key.startswith("completed_rung_"))
    again.state = TrialState.RUNNING
    again.system_attrs = {key: value for key, value in trial.system_attrs.items() if key not in rungs[-1:]}
    return again
