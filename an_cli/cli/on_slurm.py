"""What `ablate` does on a cluster: submit what is owed and follow, or hand the study over and leave."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from an_cli.cli.ends import PARTIAL, tell_failures
from an_cli.cli.study import Asked, say
from an_cli.config import LaunchConfig
from an_cli.launch import Action, Costs, Phase, Reconciliation, Snapshot
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.start import longest_first, make_cluster
from an_cli.plan import Cell
from an_cli.store import RunFolder, Store, forget_stop

FAILED, INTERRUPTED = 1, 130


class OnCluster:
    """A study whose runs are jobs of SLURM (see `ablate.Site`)."""

    def __init__(
        self, asked: Asked, store: Store, command: Sequence[str], *, detach: bool, reset_budget: bool = False
    ) -> None:
        self._asked, self._store, self._command = asked, store, command
        self._detach, self._reset_budget = detach, reset_budget
        self._cluster: OnSlurm
        self.short = 0

    def follows(self, wanted: Reconciliation) -> Sequence[Cell]:
        """All but imported weights, once any is not finished: what is over is counted too."""
        actions = dict.fromkeys(action for _, action in wanted.actions)
        if not actions.keys() - {Action.KEEP, Action.LEAVE}:
            return ()
        return [cell for cell, action in wanted.actions if action is not Action.LEAVE]

    def tell_wanted(self, wanted: Reconciliation) -> None:
        """Say which cells no job is made of."""
        for cell, action in wanted.actions:
            if action is Action.LEAVE:
                say(f"left alone: {cell.label}: its weights were imported, and are not trained again")

    def in_order(self, cells: Sequence[Cell], costs: Mapping[str, Costs]) -> Sequence[Cell]:
        """The longest first."""
        return longest_first(cells, costs)

    def place(self, cells: Sequence[Cell], launch: LaunchConfig) -> tuple[OnSlurm, int]:
        """The cluster, ready to be submitted to."""
        self._cluster = make_cluster(
            cells,
            launch,
            self._store,
            study=self._asked.plan.study,
            detach=self._detach,
            reset_budget=self._reset_budget,
            tell=say,
        )
        self._cluster.overruled |= {run for cell in cells if (run := self._store.run(cell.id)).stop.exists()}
        return self._cluster, len(cells)

    def begin(self, wanted: Reconciliation) -> None:
        """Take back what was cancelled since it was submitted; say that jobs need nobody to stay."""
        for cell in self.follows(wanted):
            forget_stop(self._store.run(cell.id))  # it is wanted again, whatever its job is at
        if not self._detach:
            say("following; Ctrl-C leaves, and the jobs go on")

    def tell_end(self, end: Snapshot) -> int | None:
        """Say what was submitted, what was not and why, and what goes on."""
        outcome, unsubmitted = self._cluster.outcome, self._unsubmitted(end)
        if outcome.submitted:
            say(f"submitted {len(outcome.submitted)} cells in {outcome.calls} calls of sbatch")
        labels = {self._store.run(cell.id): cell.label for cell in self._asked.plan.cells}
        for run, what in unsubmitted.items():
            say(f"not submitted: {labels[run]}: {what.removeprefix('not submitted: ')}")
        tell_failures(self._asked.plan, end)
        if failed := end.count(Phase.FAILED):
            say(f"left alone: {failed}; once the cause is gone: {self._retry()}")
        self.short = PARTIAL if unsubmitted else 0
        going = end.count(Phase.QUEUED, Phase.RUNNING, Phase.ELSEWHERE)
        if going:
            return self._leave(end, going, all_taken=not unsubmitted)
        if unsubmitted and not end.count(Phase.FINISHED):
            say(f"nothing goes on. Try again with: {shlex.join(self._command)}")
            return FAILED
        return None

    def _unsubmitted(self, end: Snapshot) -> dict[RunFolder, str]:
        """Runs without a job -> why."""
        causes = {state.run: state.cause for state in end.runs}
        return {run: cause for run, cause in causes.items() if cause.startswith("not ")} | self._cluster.outcome.refused

    def _retry(self) -> str:
        words = [word for word in self._command if word != "--until-resolved"]
        return shlex.join(words).replace(" ablate ", " retry ", 1)

    def _leave(self, end: Snapshot, going: int, *, all_taken: bool) -> int:
        words = shlex.join(self._command)
        say(f"{going} of {len(end.runs)} cells go on without this command. Come back to them with: {words}")
        if self._detach and self._asked.launch.on_end:
            say("launch.on_end is for a command that stays: this one leaves, and no job runs it")
        stuck = not self._detach and not end.stopping
        if not all_taken or stuck:
            return PARTIAL
        return 0 if self._detach else INTERRUPTED
