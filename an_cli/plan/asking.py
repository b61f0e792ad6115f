"""A search's study in Optuna's storage: ask for a choice, tell what came of it. Every call is made within a turn.

A trial is written in one line when it is begun, with its choice, its cells and its owner, so that no crash leaves half
of one. What was tried before is not tried again: the sampler is asked on a view until it gives something new.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState

from an_cli.errors import StudyError
from an_cli.files import canonical_json
from an_cli.plan.journal import JournalFile
from an_cli.plan.samplers import distributions, from_optuna, make_pruner, make_sampler, suggest, to_optuna
from an_cli.plan.search import Search
from an_cli.plan.space import Params
from an_cli.plan.trials import CELLS, OPTUNA_STATES, OWNER, SPACE, STAGE, Trial, TrialState
from an_cli.plan.view import StorageView, as_if_running

TRIES = 200  # draws of a sampler that all were tried before: the space holds nothing new, or next to nothing
_STATES = {state: OptunaState(number) for number, state in enumerate(OPTUNA_STATES)}


def open_storage(url: str) -> BaseStorage:
    """Any storage that Optuna has a URL for.

    Raises:
        StudyError: it cannot be opened.
    """
    try:
        return optuna.storages.get_storage(url)
    except Exception as error:  # SQLAlchemy, Redis and gRPC each have their own
        raise StudyError(
            f"Optuna cannot open it: {' '.join(str(error).split())[:200]}",
            where="--storage",
            now="give a URL as Optuna takes it: sqlite:////path/to/file.db",
        ) from error


def journal_storage(file: JournalFile) -> JournalStorage:
    """Optuna's journal over our file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return JournalStorage(file)  # type: ignore[arg-type]  # it has the two methods that are called


def _study(storage: BaseStorage, name: str, directions: Sequence[StudyDirection]) -> optuna.Study:
    """The study, made where it is not there: to look first spares the journal a line from everybody who joins."""
    try:
        storage.get_study_id_from_name(name)
    except KeyError:
        storage.create_new_study(list(directions), name)
    return optuna.Study(name, storage)


class Asking:
    """One search in a storage.

    Args:
        storage: where the study is, or is to be.
        name: of the study.
        search: what is searched.
        directions: which way each objective is better.
        digest: of what its trials must share; a study of another digest is refused.
        epochs: of a whole trial.

    Raises:
        StudyError: the storage has another search under this name, or options do not fit.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        search: Search,
        directions: Sequence[StudyDirection],
        digest: str,
        epochs: int,
    ) -> None:
        self._search, self._name, self._epochs = search, name, epochs
        make_sampler(search, 0)  # what does not fit is said before anything runs
        make_pruner(search, epochs)
        self._study = _study(storage, name, directions)
        self._storage, self._id = self._study._storage, self._study._study_id
        self._known: dict[str, int] = {}  # choices -> trials, as far as they were looked at
        self._looked_at = 0
        self._trials: list[Trial] = []  # as far as they were read; one that is over changes no more
        self._open: list[int] = []
        self._sampler: optuna.samplers.BaseSampler | None = None
        self._check(digest)

    def _check(self, digest: str) -> None:
        before = self._study.user_attrs.get(SPACE)
        if before is None:
            self._study.set_user_attr(SPACE, digest)
        elif before != digest:
            raise StudyError(
                "it was begun with another space, base, seeds or objectives",
                where=f"search {self._name}",
                now="give the edited search another name, or undo the edit; --rebuild keeps the runs that still fit",
            )

    @property
    def study(self) -> optuna.Study:
        """Optuna's study, for what only reads it."""
        return self._study

    def trials(self) -> tuple[Trial, ...]:
        """All trials that this search has begun; not those that somebody else has put into its storage."""
        frozen = self._frozen()
        read = [*self._open, *range(len(self._trials), len(frozen))]
        self._trials += [self.trial_of(trial) for trial in frozen[len(self._trials) :]]
        for number in self._open:
            self._trials[number] = self.trial_of(frozen[number])
        self._open = [number for number in read if not self._trials[number].state.is_over]
        return tuple(self._trials)

    def _frozen(self) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self._id, deepcopy=False)

    def trial_of(self, frozen: FrozenTrial) -> Trial:
        """Optuna's trial as ours."""
        attributes = frozen.user_attrs
        return Trial(
            number=frozen.number,
            state=OPTUNA_STATES[frozen.state.value],
            params=from_optuna(self._search.parameters, frozen.params),
            values=tuple(frozen.values or ()),
            reports=dict(frozen.intermediate_values),
            cells=tuple(attributes.get(CELLS, ())),
            stage=attributes.get(STAGE, 0),
            owner=attributes.get(OWNER) or {},
            started=frozen.datetime_start,
            ended=frozen.datetime_complete,
        )

    def propose(self, start: Sequence[Params]) -> dict[str, Any] | None:
        """The next choice: of the starting points the first that was not tried, else what the sampler draws.

        Returns:
            None when nothing new is left.
        """
        self._look()
        for point in start:
            if _key(point) not in self._known:
                self._draft = create_trial(state=OptunaState.RUNNING)
                return dict(point)
        return self._draw()

    def _draw(self) -> dict[str, Any] | None:
        trials = self._frozen()
        view = StorageView(self._storage, self._id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._sampler = make_sampler(self._search, len(trials), before=self._sampler)
            study = optuna.Study(self._name, view, sampler=self._sampler)
            for _ in range(TRIES):
                params = suggest(self._search.parameters, study.ask())
                if (number := self._known.get(_key(params))) is None:
                    self._draft = view.take_draft()
                    return params
                view.settle_draft(trials[number])
        return None

    def _look(self) -> None:
        trials = self.trials()
        for trial in trials[self._looked_at :]:
            self._known.setdefault(_key(trial.params), trial.number)
        self._looked_at = len(trials)

    def begin(self, params: Params, cells: Sequence[str], owner: Mapping[str, Any]) -> Trial:
        """Write the trial that was proposed last."""
        template = create_trial(
            state=OptunaState.RUNNING,
            params=to_optuna(params),
            distributions=distributions(self._search.parameters, params),
            user_attrs={CELLS: list(cells), OWNER: dict(owner), STAGE: 0},
            system_attrs=dict(self._draft.system_attrs),
        )
        return self.trial_of(self._storage.get_trial(self._storage.create_new_trial(self._id, template)))

    def restore(self, trial: Trial) -> None:
        """Write a trial that was begun before, without an owner."""
        template = create_trial(
            state=OptunaState.RUNNING,
            params=to_optuna(trial.params),
            distributions=distributions(self._search.parameters, trial.params),
            user_attrs={CELLS: list(trial.cells), OWNER: {}, STAGE: 0},
        )
        template.datetime_start = trial.started or template.datetime_start
        self._storage.create_new_trial(self._id, template)

    def compare(self, number: int, step: int, value: float) -> bool:
        """Tell what a trial has reached at a rung or seed, and ask the pruner whether it goes on."""
        trial_id = self._trial_id(number)
        self._storage.set_trial_intermediate_value(trial_id, step, value)
        return self._goes_on(StorageView(self._storage, self._id), self._storage.get_trial(trial_id))

    def goes_on_now(self, number: int) -> bool:
        """Whether the pruner would let a paused trial go on, by what it knows now."""
        view = StorageView(self._storage, self._id, asked_again=number)
        return self._goes_on(view, as_if_running(self._storage.get_trial(self._trial_id(number))))

    def _goes_on(self, view: StorageView, trial: FrozenTrial) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pruner = make_pruner(self._search, self._epochs)
            return not pruner.prune(optuna.Study(self._name, view, pruner=pruner), trial)

    def pause(self, number: int, stage: int) -> None:
        """Let a trial go after so many of its stages: whoever comes next may continue it."""
        trial_id = self._trial_id(number)
        self._storage.set_trial_user_attr(trial_id, STAGE, stage)
        self._storage.set_trial_user_attr(trial_id, OWNER, {})
        self._storage.set_trial_state_values(trial_id, OptunaState.WAITING)

    def resume(self, number: int, owner: Mapping[str, Any], stage: int) -> None:
        """Take a trial that nobody runs."""
        trial_id = self._trial_id(number)
        self._storage.set_trial_user_attr(trial_id, OWNER, dict(owner))
        self._storage.set_trial_user_attr(trial_id, STAGE, stage)
        if self._storage.get_trial(trial_id).state is OptunaState.WAITING:
            self._storage.set_trial_state_values(trial_id, OptunaState.RUNNING)

    def note(self, number: int, key: str, value: Any) -> None:
        """Write a user attribute of a trial."""
        self._storage.set_trial_user_attr(self._trial_id(number), key, value)

    def attributes(self, key: str) -> dict[int, Any]:
        """A user attribute of all trials that have it, by number."""
        return {frozen.number: frozen.user_attrs[key] for frozen in self._frozen() if key in frozen.user_attrs}

    def end(self, number: int, state: TrialState, values: Sequence[float] = ()) -> None:
        """Tell how a trial ended; of one that has ended, nothing."""
        trial_id = self._trial_id(number)
        if not self._storage.get_trial(trial_id).state.is_finished():
            self._storage.set_trial_state_values(trial_id, _STATES[state], list(values) or None)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)


def _key(params: Params) -> str:
    return canonical_json(dict(params))
