"""A search as a source of cells: the trials begun so far, and one more whenever those are done (see `plan.source`)."""

from __future__ import annotations

from dataclasses import dataclass

from an_cli.plan.expand import Cell, Plan, PlanRow
from an_cli.plan.searching import Assignment, Searching
from an_cli.plan.source import Records
from an_cli.plan.trials import Trial, TrialState
from an_cli.store import RunRecord, read_run

OWNER = {"source": True}  # of trials that a source has given, and nobody's process runs


@dataclass(frozen=True)
class SearchSource:
    """The trials of a search, one at a time, each to its end: for a place that is given plans, not for workers."""

    search: Searching

    def next(self, records: Records) -> Plan | None:
        """See `Source.next`."""
        self.search.records = lambda ids: [records.get(run_id) or self._missing(run_id) for run_id in ids]
        unfinished = self._tell()
        if not unfinished and not isinstance(self.search.take(OWNER, lambda owner: False), Assignment):
            return None
        trials = [trial for trial in self.search.asking.trials() if trial.cells]
        return self._plan(trials)

    def _missing(self, run_id: str) -> RunRecord:
        return read_run(self.search.store.run(run_id))

    def _tell(self) -> bool:
        """Tell what has ended; whether a trial is still to be run."""
        for trial in self.search.turn(lambda asking: asking.trials()):
            if trial.state is TrialState.RUNNING and trial.owner == OWNER:
                task: Assignment | None = Assignment(trial.number, (), None, trial.stage)
                while task is not None and task.stage is not None and self.search.is_through(trial, task.stage):
                    task = self.search.tell(task, OWNER)
                if task is not None:
                    return True
        return False

    def _plan(self, trials: list[Trial]) -> Plan:
        study, space = self.search.candidates.study, self.search.candidates.space
        cells: dict[str, Cell] = {}
        rows = []
        for trial in trials:
            made = self.search.candidates.cells(trial.number, trial.params)
            cells |= {cell.id: cell for cell in made}
            rows.append(
                PlanRow(
                    label=f"trial {trial.number}",
                    kind="trained",
                    group="",
                    baseline=trial.number == trials[0].number,
                    gain_over="",
                    differs=(),
                    cells=trial.cells,
                    published=None,
                    note="",
                    set=space.words(trial.params),
                )
            )
        return Plan(
            study=study.name,
            title=study.title,
            lineage=study.lineage,
            rows=tuple(rows),
            cells=tuple(cells.values()),
            overrides=study.overrides,
        )
