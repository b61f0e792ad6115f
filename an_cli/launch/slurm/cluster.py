"""The cluster as a launcher: judge every run, submit what is owed, follow, and need nobody to stay alive.

Whatever this process learns is on disk or in the scheduler already; it may end at any time, and the same command, given
again from anywhere, finds the same state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from an_cli.launch.launcher import Watch
from an_cli.launch.local import Phase, RunState, Snapshot
from an_cli.launch.slurm.intent import Intent, read_intent
from an_cli.launch.slurm.judge import ABSENT_S, Standing
from an_cli.launch.slurm.observe import FRESH_S
from an_cli.launch.slurm.owed import owed
from an_cli.launch.slurm.scheduler import Scheduler
from an_cli.launch.slurm.states import Cause
from an_cli.launch.slurm.submit import Outcome, Terms, Wish, check_taken, submit
from an_cli.launch.slurm.watcher import View, Watcher
from an_cli.launch.stopping import Stops, listening
from an_cli.store import RunFolder, is_finished, read_progress

FIRST_S, LONGEST_S = 2.0, 30.0  # between two looks at the scheduler
DOUBT_S = 90.0  # a detached command stays so long for a job that may or may not exist, or have a result
_LIVE = (Standing.SUBMITTING, Standing.QUEUED, Standing.HELD, Standing.RUNNING)
_PHASES = {
    Standing.NEW: Phase.QUEUED,
    Standing.SUBMITTING: Phase.QUEUED,
    Standing.QUEUED: Phase.QUEUED,
    Standing.HELD: Phase.QUEUED,
    Standing.RUNNING: Phase.RUNNING,
    Standing.FINISHED: Phase.FINISHED,
    Standing.ENDED: Phase.FAILED,
    Standing.UNKNOWN: Phase.ELSEWHERE,
}


@dataclass
class OnSlurm:
    """A SLURM cluster.

    Attributes:
        watcher: judges.
        terms: what all jobs have in common.
        scheduler: how SLURM is spoken to.
        detach: leave once everything is submitted.
        forgive: submit what ended too often as well, with a new budget.
        needs: run -> runs that must have finished before it starts.
        tell: says something to the user.
        pause: waits so many seconds.
        clock: seconds since whenever.
        outcome: what came of all submissions of this command.
    """

    watcher: Watcher
    terms: Terms
    scheduler: Scheduler
    detach: bool = False
    forgive: bool = False
    needs: Mapping[RunFolder, Sequence[RunFolder]] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda text: None
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    outcome: Outcome = field(default_factory=Outcome)
    _gone: dict[str, bool] = field(default_factory=dict)
    _refused_at: int | None = None  # live jobs when SLURM last refused one
    _first: bool = True

    def launch(self, runs: Sequence[RunFolder], watch: Watch) -> Snapshot:
        """Submit what is owed, and follow until every run has ended for good. Ctrl-C leaves; the jobs go on.

        Raises:
            LaunchError: SLURM takes no job at all.
        """
        wait_s, before, begun = FIRST_S, None, self.clock()
        with listening() as stops:
            while True:
                views = self._refresh(runs, FRESH_S if wait_s > FRESH_S else 0.0)
                if self._submit_owed(views):
                    views = self._refresh(runs, 0.0)
                snapshot = self._snapshot(views, stops)
                watch(snapshot)
                done = self._left_to_cluster(views, begun) if self.detach else self._all_over(views)
                if stops.count or done:
                    return snapshot
                standing = [(view.verdict.standing, view.verdict.job) for view in views.values()]
                wait_s = FIRST_S if standing != before else min(1.5 * wait_s, LONGEST_S)
                before = standing
                self._wait(wait_s, views, stops)

    def _refresh(self, runs: Sequence[RunFolder], fresh_s: float) -> dict[RunFolder, View]:
        views = self.watcher.look(runs, fresh_s=fresh_s, gone=self._gone)
        self._adopt(views)
        self._cancel_superseded()
        if self._ask_for_missing(views):
            views = self.watcher.look(runs, fresh_s=LONGEST_S, gone=self._gone)
        return views

    def _adopt(self, views: Mapping[RunFolder, View]) -> None:
        """Write down the ids of jobs that were found by their tokens."""
        found = {
            view.submission.token: view.verdict.job.partition("_")[0]
            for view in views.values()
            if view.submission and view.verdict.job
        }
        for token, job in found.items():
            if read_intent(self.watcher.store, token).job is None:
                Intent(self.watcher.store.jobs / token).accept(job)
                self.tell(f"found job {job}, whose submitter ended before it could write the id down")

    def _cancel_superseded(self) -> None:
        """End jobs that no run is waiting for any more: made by an sbatch that was believed to have failed.

        They would end by themselves as soon as they start; until then they only stand in the queue.
        """
        for job in self.watcher.superseded():
            self.tell(f"cancelling job {job}: a newer one stands for its runs")
            self.scheduler("scancel", job)

    def _ask_for_missing(self, views: Mapping[RunFolder, View]) -> bool:
        """Ask the controller, by id, for jobs that the queue has left out for a while; True when it denies one."""
        missing = {
            view.verdict.job.partition("_")[0]
            for view in views.values()
            if view.verdict.standing is Standing.UNKNOWN and view.verdict.job and view.missing_s >= ABSENT_S
        }
        for job in missing - {job for job, gone in self._gone.items() if gone}:
            said = self.scheduler("scontrol", "show", "job", job)
            self._gone[job] = said.status != 0 and "invalid job id" in said.trouble.lower()
        return any(self._gone.get(job) for job in missing)

    def _submit_owed(self, views: Mapping[RunFolder, View]) -> bool:
        live = sum(view.verdict.standing in _LIVE for view in views.values())
        if self._refused_at is not None and live >= self._refused_at:
            return False
        found = {run: self._owed(run, view) for run, view in views.items()}
        wishes = [wish for wish in found.values() if wish is not None]
        self._first = False
        if not wishes:
            return False
        self.outcome.refused = {}
        for dependency, group in self._by_dependency(wishes, views).items():
            outcome = submit(group, self.terms, self.scheduler, dependency=dependency or None, pause=self.pause)
            live += len(outcome.submitted)
            self.outcome.submitted += outcome.submitted
            self.outcome.doubtful += outcome.doubtful
            self.outcome.calls += outcome.calls
            self.outcome.refused.update(outcome.refused)
            views = {**views, **self.watcher.look([wish.run for wish in group], fresh_s=0.0)}
        self._refused_at = live if self.outcome.refused else None
        if not live:
            check_taken(self.outcome)
        return True

    def _owed(self, run: RunFolder, view: View) -> Wish | None:
        forgive = self.forgive and self._first
        return owed(run, view, forgive=forgive, resubmit_cancelled=self._first).wish

    def _by_dependency(self, wishes: Sequence[Wish], views: Mapping[RunFolder, View]) -> dict[str, list[Wish]]:
        """Wishes by what sbatch is told to wait for; one whose need has no job yet waits for a later look."""
        groups: dict[str, list[Wish]] = {}
        for wish in wishes:
            open_needs = [need for need in self.needs.get(wish.run, ()) if not is_finished(need)]
            jobs = [views[need].verdict.job for need in open_needs if need in views]
            if all(jobs) and len(jobs) == len(open_needs):
                groups.setdefault(f"afterok:{':'.join(jobs)}" if jobs else "", []).append(wish)
        return groups

    def _all_over(self, views: Mapping[RunFolder, View]) -> bool:
        over = (Standing.FINISHED, Standing.ENDED)
        return all(view.verdict.standing in over and self._owed(run, view) is None for run, view in views.items())

    def _left_to_cluster(self, views: Mapping[RunFolder, View], begun: float) -> bool:
        """Whether every run has a job for certain; a user who leaves should not leave a question open."""
        verdicts = [view.verdict for view in views.values()]
        doubt = any(verdict.standing is Standing.SUBMITTING or verdict.in_doubt for verdict in verdicts)
        waiting = any(self._owed(run, view) for run, view in views.items()) and not self.outcome.refused
        return not (doubt or waiting) or self.clock() - begun > DOUBT_S

    def _snapshot(self, views: Mapping[RunFolder, View], stops: Stops) -> Snapshot:
        return Snapshot(runs=tuple(self._state(run, view) for run, view in views.items()), stopping=bool(stops.count))

    def _state(self, run: RunFolder, view: View) -> RunState:
        verdict = view.verdict
        phase, cause = _PHASES[verdict.standing], verdict.detail
        if verdict.standing is Standing.ENDED:
            found = owed(run, view, resubmit_cancelled=False)
            phase = Phase.QUEUED if found.wish else phase
            phase = Phase.INTERRUPTED if verdict.cause is Cause.CANCELLED else phase
            cause = found.left_alone or cause
        if run in self.outcome.refused and verdict.standing is Standing.ENDED:
            phase, cause = Phase.INTERRUPTED, f"not submitted: {self.outcome.refused[run]}"
        return RunState(run=run, phase=phase, progress=read_progress(run), cause=cause)

    def _wait(self, seconds: float, views: Mapping[RunFolder, View], stops: Stops) -> None:
        """Between two looks at the scheduler only the disk is looked at, which costs the cluster nothing."""
        unfinished = [run for run, view in views.items() if view.verdict.standing is not Standing.FINISHED]
        end = self.clock() + seconds
        while self.clock() < end and not stops.count and not all(map(is_finished, unfinished)):
            self.pause(0.5)
