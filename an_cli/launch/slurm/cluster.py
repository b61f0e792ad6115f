"""The cluster as a launcher: judge every run, submit what is owed, follow, and need nobody to stay alive.

Whatever this process learns is on disk or in the scheduler already; it may end at any time, and the same command, given
again from anywhere, finds the same state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from an_cli.launch.causes import Cause
from an_cli.launch.here.crew import Phase, RunState, Snapshot
from an_cli.launch.here.stops import Stops, listening
from an_cli.launch.slurm.intent import Intent, read_intent
from an_cli.launch.slurm.judge import ABSENT_S, Standing
from an_cli.launch.slurm.observe import FRESH_S
from an_cli.launch.slurm.policy import Blame, blame, owed
from an_cli.launch.slurm.request import JobSettings, SubmissionRequest
from an_cli.launch.slurm.room import QueueRoom
from an_cli.launch.slurm.scheduler import Scheduler
from an_cli.launch.slurm.submit import SubmitOutcome, check_taken, submit
from an_cli.launch.slurm.watcher import JobView, Watcher
from an_cli.launch.standing import RunStanding, look
from an_cli.store import RunFolder, is_finished, read_doing, read_progress

FIRST_S, LONGEST_S = 2.0, 30.0  # between two looks at the scheduler
EARLY_S, EARLY_LOOKS = 0.5, 4  # after a submission: a node without the store ends job after job, each in less than 1 s
_NO_NODE = ("ReqNodeNotAvail", "BadConstraints", "Nodes_required_for_job_are_DOWN", "Nodes required for job are DOWN")
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


def _nowhere_else(views: Mapping[RunFolder, JobView]) -> bool:
    """Whether no job runs, and SLURM has no other node for those that wait."""
    standings = [view.verdict.standing for view in views.values()]
    waiting = [view.verdict.detail for view in views.values() if view.verdict.standing is Standing.QUEUED]
    return (
        bool(waiting)
        and Standing.RUNNING not in standings
        and all(any(reason in detail for reason in _NO_NODE) for detail in waiting)
    )


@dataclass
class OnSlurm:
    """A SLURM cluster.

    Attributes:
        watcher: judges.
        terms: what all jobs have in common.
        scheduler: how SLURM is spoken to.
        detach: leave once everything is submitted.
        reset_budget: submit what ended too often as well, with a new budget.
        needs: run -> runs that must have finished before it starts.
        overruled: runs that were told to stop and may still be about it: this command submits them again.
        tell: says something to the user.
        pause: waits so many seconds.
        clock: seconds since whenever.
        outcome: what came of all submissions of this command.
    """

    watcher: Watcher
    terms: JobSettings
    scheduler: Scheduler
    detach: bool = False
    reset_budget: bool = False
    needs: Mapping[RunFolder, Sequence[RunFolder]] = field(default_factory=dict)
    overruled: set[RunFolder] = field(default_factory=set)
    tell: Callable[[str], None] = lambda text: None
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    outcome: SubmitOutcome = field(default_factory=SubmitOutcome)
    _gone: dict[str, bool] = field(default_factory=dict)
    _first: bool = True
    _began: set[str] = field(default_factory=set)  # nodes on which a run has begun
    _blame: Blame = field(default_factory=Blame)
    _stuck: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._room = QueueRoom(self.clock)

    def look(self, runs: Sequence[RunFolder]) -> Mapping[RunFolder, RunStanding]:
        """See `Place.look`."""
        return look(self.watcher.store, runs, self.watcher)

    def launch(self, runs: Sequence[RunFolder], watch: Callable[[Snapshot], None]) -> Snapshot:
        """Submit what is owed, and follow until every run has ended for good. Ctrl-C leaves; the jobs go on.

        Raises:
            LaunchError: SLURM takes no job at all.
        """
        wait_s, before, begun, early = FIRST_S, None, self.clock(), 0
        with listening() as stops:
            while True:
                views = self._refresh(runs, FRESH_S if wait_s > FRESH_S else 0.0)
                if self._submit_owed(views):
                    views, early = self._refresh(runs, 0.0), EARLY_LOOKS
                snapshot = self._snapshot(views, stops)
                watch(snapshot)
                done = self._left_to_cluster(views, begun) if self.detach else self._all_over(views)
                if stops.count or done:
                    return snapshot
                standing = [(view.verdict.standing, view.verdict.job) for view in views.values()]
                wait_s = FIRST_S if standing != before else min(1.5 * wait_s, LONGEST_S)
                if early:
                    wait_s, early = EARLY_S, early - 1
                before = standing
                self._wait(wait_s, views, stops)

    def _refresh(self, runs: Sequence[RunFolder], fresh_s: float) -> dict[RunFolder, JobView]:
        views = self.watcher.look(runs, fresh_s=fresh_s, gone=self._gone)
        self._adopt(views)
        self._cancel_superseded()
        if not self._first:  # what ended before this command was given, its owner has had the time to repair
            self._judge_nodes(views)
        self._tell_stuck(views)
        if self._ask_for_missing(views):
            views = self.watcher.look(runs, fresh_s=LONGEST_S, gone=self._gone)
        return views

    def _adopt(self, views: Mapping[RunFolder, JobView]) -> None:
        """Write down the ids of jobs that were found by their tokens."""
        jobs = {
            view.submission.token: view.verdict.job.partition("_")[0]
            for view in views.values()
            if view.submission and view.verdict.job
        }
        for token, job in jobs.items():
            state = read_intent(self.watcher.store, token)
            if state.there and state.job is None:
                Intent(self.watcher.store.jobs / token).accept(job)
                self.tell(f"found job {job}, whose submitter ended before it could write the id down")

    def _cancel_superseded(self) -> None:
        """End jobs that no run is waiting for any more: made by an sbatch that was believed to have failed.

        They would end by themselves as soon as they start; until then they only stand in the queue.
        """
        for job in self.watcher.superseded():
            self.tell(f"cancelling job {job}: a newer one stands for its runs")
            self.scheduler("scancel", job)

    def _judge_nodes(self, views: Mapping[RunFolder, JobView]) -> None:
        """Stay away from nodes that end jobs before their runs begin; where all do, hold back what still waits."""
        self._began |= {view.verdict.node for view in views.values() if view.verdict.began and view.verdict.node}
        blamed = blame(views.values(), self._began)
        waiting = [view.verdict.job for view in views.values() if view.verdict.standing is Standing.QUEUED]
        for node in blamed.nodes.keys() - self._blame.nodes.keys():
            self.tell(f"{node} is avoided: {blamed.nodes[node]}")
        if blamed.nodes.keys() - self._blame.nodes.keys():
            nodes = ",".join(sorted({*blamed.nodes, *filter(None, [self.terms.launch.exclude])}))
            for array in sorted({job.partition("_")[0] for job in waiting}):
                self.scheduler("scontrol", "update", f"JobId={array}", f"ExcNodeList={nodes}")
            self.terms = replace(self.terms, avoid=tuple(sorted(blamed.nodes)))
        if blamed.nodes and not self._began and _nowhere_else(views):
            blamed = Blame(everywhere=next(iter(blamed.nodes.values())))
        if blamed.everywhere and not self._blame.everywhere:
            self.tell(f"held back: no job of this study begins its run: {blamed.everywhere}")
            if waiting:
                self.scheduler("scancel", *waiting)
        self._blame = blamed

    def _tell_stuck(self, views: Mapping[RunFolder, JobView]) -> None:
        """Say once, of every job that waits for somebody, for whom."""
        stuck = {view.verdict.job: view.verdict.detail for view in views.values() if view.verdict.stuck}
        for job in sorted(stuck.keys() - self._stuck):
            self.tell(f"job {job} waits: {stuck[job]}")
        self._stuck = frozenset(stuck)

    def _ask_for_missing(self, views: Mapping[RunFolder, JobView]) -> bool:
        """Ask the controller, by id, for jobs that the queue has left out for a while; True when it denies one."""
        missing = {
            view.verdict.job.partition("_")[0]
            for view in views.values()
            if view.verdict.in_doubt and view.verdict.job and view.missing_s >= ABSENT_S
        }
        for job in missing - {job for job, gone in self._gone.items() if gone}:
            answer = self.scheduler("scontrol", "show", "job", job)
            self._gone[job] = answer.status != 0 and "invalid job id" in answer.trouble.lower()
        return any(self._gone.get(job) for job in missing)

    def _submit_owed(self, views: Mapping[RunFolder, JobView]) -> bool:
        """Submit what is owed, as far as there is room; whether anything was tried."""
        live = sum(view.verdict.standing in _LIVE for view in views.values())
        if (self._blame.everywhere and not self._first) or not self._room.is_worth_a_try(live):
            return False
        requests = [request for run, view in views.items() if (request := self._owed(run, view)) is not None]
        self._first = False
        if not requests:
            return False
        for request in requests:
            verdict = views[request.run].verdict
            if verdict.job and verdict.cause is Cause.REFUSED:  # it stands in the queue and can read nothing
                self.scheduler("scancel", verdict.job)
        live, full = self._submit(self._within_room(requests, live), views, live)
        self._room.learn(live, refused=bool(self.outcome.refused), full=full)
        stays = not self.detach
        if not live and full and stays:
            self.tell(f"waiting for room in the queue: {next(iter(self.outcome.refused.values()))}")
        elif not live and not (self._room.jobs is not None and stays):
            check_taken(self.outcome)
        return True

    def _within_room(self, requests: Sequence[SubmissionRequest], live: int) -> Sequence[SubmissionRequest]:
        """What the queue has room for; the others are refused for now, with what SLURM said when it refused them."""
        before, self.outcome.refused = self.outcome.refused, {}
        jobs = self._room.allows(live)
        if jobs is None:
            return requests
        runs = jobs * self.terms.launch.pack
        for request in requests[runs:]:
            self.outcome.refused[request.run] = before.get(request.run) or "the queue is full"
        return requests[:runs]

    def _submit(
        self, requests: Sequence[SubmissionRequest], views: Mapping[RunFolder, JobView], live: int
    ) -> tuple[int, bool]:
        """Submit; the number of live jobs then, and whether SLURM refused one job too many."""
        full = False
        for dependency, group in self._by_dependency(requests, views).items():
            outcome = submit(group, self.terms, self.scheduler, dependency=dependency or None, pause=self.pause)
            live += len(outcome.submitted)
            self.outcome.submitted += outcome.submitted
            self.outcome.doubtful += outcome.doubtful
            self.outcome.calls += outcome.calls
            self.outcome.refused.update(outcome.refused)
            self.overruled -= set(outcome.submitted)
            full = full or outcome.full
            views = {**views, **self.watcher.look([request.run for request in group], fresh_s=0.0)}
        return live, full

    def _owed(self, run: RunFolder, view: JobView) -> SubmissionRequest | None:
        if self._blame.everywhere and not self._first:
            return None
        reset_budget = self.reset_budget and self._first
        resubmit = self._first or run in self.overruled
        return owed(
            run, view, reset_budget=reset_budget, resubmit_cancelled=resubmit, forget_set_up=self._first
        ).request

    def _by_dependency(
        self, requests: Sequence[SubmissionRequest], views: Mapping[RunFolder, JobView]
    ) -> dict[str, list[SubmissionRequest]]:
        """Wishes by what sbatch is told to wait for; one whose need has no job yet waits for a later look."""
        groups: dict[str, list[SubmissionRequest]] = {}
        for request in requests:
            open_needs = [need for need in self.needs.get(request.run, ()) if not is_finished(need)]
            jobs = [views[need].verdict.job for need in open_needs if need in views]
            if all(jobs) and len(jobs) == len(open_needs):
                groups.setdefault(f"afterok:{':'.join(jobs)}" if jobs else "", []).append(request)
        return groups

    def _all_over(self, views: Mapping[RunFolder, JobView]) -> bool:
        """Whether nothing will change by itself: over, or waiting for somebody who was told so."""
        over = (Standing.FINISHED, Standing.ENDED)
        return all(
            view.verdict.stuck or (view.verdict.standing in over and self._owed(run, view) is None)
            for run, view in views.items()
        )

    def _left_to_cluster(self, views: Mapping[RunFolder, JobView], begun: float) -> bool:
        """Whether every run has a job for certain; a user who leaves should not leave a question open."""
        verdicts = [view.verdict for view in views.values()]
        doubt = any(verdict.standing is Standing.SUBMITTING or verdict.in_doubt for verdict in verdicts)
        waiting = any(self._owed(run, view) for run, view in views.items()) and not self.outcome.refused
        return not (doubt or waiting) or self.clock() - begun > DOUBT_S

    def _snapshot(self, views: Mapping[RunFolder, JobView], stops: Stops) -> Snapshot:
        return Snapshot(runs=tuple(self._state(run, view) for run, view in views.items()), stopping=bool(stops.count))

    def _state(self, run: RunFolder, view: JobView) -> RunState:
        verdict = view.verdict
        phase, cause = _PHASES[verdict.standing], verdict.detail
        if verdict.standing is Standing.ENDED:
            due = owed(run, view, resubmit_cancelled=run in self.overruled)
            phase = Phase.QUEUED if due.request else phase
            phase = Phase.INTERRUPTED if verdict.cause is Cause.CANCELLED else phase
            cause = due.left_alone or cause
            if self._blame.everywhere:
                held = f"held back: {self._blame.everywhere}"
                phase, cause = Phase.FAILED, cause if verdict.cause is Cause.SET_UP else held
        if run in self.outcome.refused and verdict.standing is Standing.ENDED:
            phase, cause = Phase.INTERRUPTED, f"not submitted: {self.outcome.refused[run]}"
        if not verdict.job and verdict.in_doubt:  # nobody knows of a job
            phase, cause = Phase.INTERRUPTED, f"not known to be submitted: {verdict.detail}"
        doing = read_doing(run) if phase is Phase.RUNNING else None
        activity = str(doing.activity) if doing else ""
        return RunState(run=run, phase=phase, progress=read_progress(run), cause=cause, doing=doing, activity=activity)

    def _wait(self, seconds: float, views: Mapping[RunFolder, JobView], stops: Stops) -> None:
        """Between two looks at the scheduler only the disk is looked at, which costs the cluster nothing."""
        unfinished = [run for run, view in views.items() if view.verdict.standing is not Standing.FINISHED]
        end = self.clock() + seconds
        while self.clock() < end and not stops.count and not all(map(is_finished, unfinished)):
            self.pause(0.5)
