"""A search as it goes: what a worker is to do next, and what becomes of what it did. Starts nothing.

Several workers on several machines do this at once; every step is one turn (`plan.turn`). The journal is a cache: what
it says of a trial, the trial's runs say too (`plan.rebuilding`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from an_cli.plan.asking import Asking, journal_storage, open_storage
from an_cli.plan.candidates import Candidates
from an_cli.plan.expand import Cell
from an_cli.plan.journal import JournalFile
from an_cli.plan.samplers import directions
from an_cli.plan.search import Search
from an_cli.plan.stages import TrialStage, compared_value, has_failed, hours_of, is_through, stages_of, values_of
from an_cli.plan.trials import Trial, TrialState
from an_cli.plan.turn import Turn
from an_cli.plan.winners import winners
from an_cli.store import Claim, RunRecord, Store, measures_of, read_runs, status_of

Owner = Mapping[str, Any]
HOURS = "device_hours"  # user attribute of a trial: what its runs have taken


@dataclass(frozen=True)
class Assignment:
    """What a worker is to do next.

    Attributes:
        number: of the trial.
        cells: to be run now.
        until: epochs after which they pause; None: to their end.
        stage: which part of the trial it is; None where the winner is run on other seeds.
    """

    number: int
    cells: tuple[Cell, ...]
    until: int | None = None
    stage: int | None = None


@dataclass(frozen=True)
class Later:
    """Nothing to do now: others run what is left, and may leave some of it."""


class Searching:
    """One search in one store.

    Args:
        candidates: of the search; checked.
        store: where its runs are.
        folder: the search's own, which is made.
        url: of another storage than the journal in the folder.
        patience_s: how long the turn is waited for.
    """

    def __init__(
        self, candidates: Candidates, store: Store, folder: Path, url: str | None = None, patience_s: float = 900.0
    ) -> None:
        self.candidates, self.store, self.folder = candidates, store, folder
        self.search: Search = candidates.search
        self._turn = Turn(folder, patience_s)
        self._url = url
        self._claim: Claim | None = None
        self._start = candidates.start_points()
        self.records: Callable[[Sequence[str]], list[RunRecord]] = partial(read_runs, store)

    def _check(self) -> None:
        assert self._claim is not None, "written out of turn"
        self._claim.check()

    @cached_property
    def file(self) -> JournalFile:
        """The journal in the search's folder."""
        return JournalFile(self.folder / "journal.log", self._check)

    @cached_property
    def asking(self) -> Asking:
        """The study in its storage; made by whoever comes first."""
        _, corner = next(iter(self.candidates.space.corners()))
        config = self.candidates.compose(corner, self.candidates.study.seeds[0], "first").cell
        storage = journal_storage(self.file) if self._url is None else open_storage(self._url)
        way = directions(self.search, measures_of(config))
        return Asking(storage, self.folder.name, self.search, way, self.candidates.digest, config.recipe.epochs)

    def turn(self, step: Callable[[Asking], Any]) -> Any:
        """Do something with the study while nobody else does.

        Raises:
            StoreError: the disk refuses; what was done before stays done, and the same step can be given again.
        """
        with self._turn.taken() as claim:
            self._claim = claim
            try:
                return step(self.asking)
            finally:
                self._claim = None

    def take(self, owner: Owner, gone: Callable[[Owner], bool]) -> Assignment | Later | None:
        """What a worker is to do next: what a worker that is gone has left, a trial that may go on, or a new one.

        Args:
            owner: the worker.
            gone: whether another worker is known to be dead; never by a timer alone.

        Returns:
            None when the search is over and its winners are run on the report's seeds.
        """
        assignment: Assignment | Later | None = self.turn(lambda asking: self._take(asking, owner, gone))
        return assignment

    def _take(self, asking: Asking, owner: Owner, gone: Callable[[Owner], bool]) -> Assignment | Later | None:
        trials = [trial for trial in asking.trials() if trial.cells]
        running = [trial for trial in trials if trial.state is TrialState.RUNNING]
        left = next((trial for trial in running if not trial.owner or gone(trial.owner)), None)
        if left is not None:
            asking.resume(left.number, owner, left.stage)
            return self._assign(left)
        if (promoted := self._promoted(asking, trials)) is not None:
            asking.resume(promoted.number, owner, promoted.stage)
            return self._assign(promoted)
        if self._may_begin(asking, trials, len(running)) and (params := asking.propose(self._start)) is not None:
            cells = self.candidates.cells(len(asking.trials()), params)
            return self._assign(asking.begin(params, [cell.id for cell in cells], owner))
        if running:
            return Later()
        self._close(asking, trials)
        return self._to_report(asking)

    def _close(self, asking: Asking, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if trial.state is TrialState.PAUSED:
                asking.end(trial.number, TrialState.PRUNED)

    def close_if_over(self, asking: Asking) -> None:
        """Say of paused trials that they will not go on, where all trials were begun and none may."""
        trials = asking.trials()
        running = [trial for trial in trials if trial.state is TrialState.RUNNING]
        begun = len(trials) >= self.search.budget.trials
        if begun and not running and self._promoted(asking, trials) is None:
            self._close(asking, trials)

    def _promoted(self, asking: Asking, trials: Sequence[Trial]) -> Trial | None:
        """The paused trial that its pruner would let go on by now."""
        paused = [trial for trial in trials if trial.state is TrialState.PAUSED]
        return next((trial for trial in self._best_paused(paused) if asking.goes_on_now(trial.number)), None)

    def _best_paused(self, paused: Sequence[Trial]) -> list[Trial]:
        """Of the trials that paused at one stage only the best can pass the others."""
        lower = self._lower
        best: dict[int, Trial] = {}
        for trial in paused:
            so_far, value = best.get(trial.stage), trial.reports[max(trial.reports)]
            if so_far is None or (value < so_far.reports[max(so_far.reports)]) is lower:
                best[trial.stage] = trial
        return [best[stage] for stage in sorted(best, reverse=True)]

    @property
    def _lower(self) -> bool:
        return self.asking.study.directions[0].name == "MINIMIZE"

    def _may_begin(self, asking: Asking, trials: Sequence[Trial], running: int) -> bool:
        budget = self.search.budget
        if len(trials) >= budget.trials:
            return False
        begun = min((trial.started.timestamp() for trial in trials if trial.started), default=None)
        if budget.wall_min is not None and begun is not None and time.time() - begun > 60 * budget.wall_min:
            return False
        if budget.device_hours is None:
            return True
        spent = asking.attributes(HOURS)
        each = sum(spent.values()) / len(spent) if spent else 0.0
        going = sum(max(each, spent.get(trial.number, 0.0)) for trial in trials if not trial.state.is_over)
        over = sum(spent.get(trial.number, 0.0) for trial in trials if trial.state.is_over)
        return over + going + each <= budget.device_hours and (bool(spent) or not running)

    def _assign(self, trial: Trial) -> Assignment:
        cells = self.candidates.cells(trial.number, trial.params)
        stage = self._stages(cells)[trial.stage]
        return Assignment(trial.number, tuple(cells[index] for index in stage.runs), stage.until, trial.stage)

    def _stages(self, cells: Sequence[Cell]) -> tuple[TrialStage, ...]:
        return stages_of(self.search, len(cells), cells[0].config.recipe.epochs)

    def tell(self, done: Assignment, owner: Owner) -> Assignment | None:
        """Tell what came of an assignment.

        Returns:
            The same trial's next part, where it goes on with this worker.
        """
        assignment: Assignment | None = self.turn(lambda asking: self._tell(asking, done, owner))
        return assignment

    def _tell(self, asking: Asking, done: Assignment, owner: Owner) -> Assignment | None:
        trial = asking.trials()[done.number]
        if done.stage is None or trial.state is not TrialState.RUNNING or dict(trial.owner) != dict(owner):
            return None  # somebody else has it, or told it
        records = self.records(trial.cells)
        cells = self.candidates.cells(trial.number, trial.params)
        stages = self._stages(cells)
        stage = stages[done.stage]
        if self.search.budget.device_hours is not None:
            asking.note(trial.number, HOURS, hours_of(records))
        if has_failed(stage, records):
            asking.end(trial.number, TrialState.FAILED)
            return None
        if not is_through(stage, records):
            asking.resume(trial.number, {}, trial.stage)  # whoever comes next continues it
            return None
        if stage.step is None:
            asking.end(trial.number, TrialState.FINISHED, values_of(self.search, records))
            return None
        if not asking.compare(trial.number, stage.step, compared_value(self.search, stage, records)):
            asking.pause(trial.number, done.stage + 1)
            return None
        asking.resume(trial.number, owner, done.stage + 1)
        return self._assign(asking.trials()[done.number])

    def is_through(self, trial: Trial, stage: int) -> bool:
        """Whether a trial's runs have come to the end of one of its stages, or never will."""
        records = self.records(trial.cells)
        part = self._stages(self.candidates.cells(trial.number, trial.params))[stage]
        return has_failed(part, records) or is_through(part, records)

    def let_go(self, taken: Assignment, owner: Owner) -> None:
        """Leave what was taken to whoever comes next, at once."""

        def step(asking: Asking) -> None:
            trial = asking.trials()[taken.number]
            if trial.state is TrialState.RUNNING and dict(trial.owner) == dict(owner):
                asking.resume(trial.number, {}, trial.stage)

        if taken.stage is not None:
            self.turn(step)

    def _to_report(self, asking: Asking) -> Assignment | Later | None:
        """The winner's runs on the seeds of the report that are still to be made, one at a time."""
        lower = [direction.name == "MINIMIZE" for direction in asking.study.directions]
        going = False
        for trial in winners(asking.trials(), lower) if self.search.report_seeds else ():
            for cell in self.candidates.cells(trial.number, trial.params, self.search.report_seeds):
                status = status_of(self.store.run(cell.id))
                if status.can_start and not status.is_broken:
                    return Assignment(trial.number, (cell,))
                going = going or status.is_going
        return Later() if going else None
