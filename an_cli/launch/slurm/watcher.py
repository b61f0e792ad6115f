"""Judging runs, look after look. Reads the disk and the scheduler; changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from an_cli.errors import StoreError
from an_cli.launch.slurm.intent import Intent, IntentState, read_intent, user_name
from an_cli.launch.slurm.judge import Standing, Verdict, gather, judge, key_of, waiting
from an_cli.launch.slurm.observe import FRESH_S, PLAIN, Key, Observation, Observer, submitted_since
from an_cli.launch.slurm.states import Stage, meaning
from an_cli.store import RunFolder, Status, Store, Submission, is_finished, newest_submission, status_of

_UNASKED = Observation(at=0.0, queue=None, accounts=None)


@dataclass(frozen=True, kw_only=True)
class JobView:
    """What one look at a run gave: the verdict, and the submission that stands for the run."""

    verdict: Verdict
    submission: Submission | None
    missing_s: float = 0.0


@dataclass
class Watcher:
    """Judges runs and remembers since when each has looked as it does.

    Attributes:
        store: where the runs are.
        observer: how the scheduler is looked at.
        accounting: whether the cluster has accounts.
    """

    store: Store
    observer: Observer
    accounting: bool
    _since: dict[RunFolder, tuple[object, float]] = field(default_factory=dict)
    _newest: Observation = _UNASKED

    def superseded(self) -> list[str]:
        """Live jobs of this store, in the newest look, whose runs all have a newer submission."""
        jobs = []
        for (token, task), row in (self._newest.queue or {}).items():
            if meaning(row.state).stage in (Stage.WAITING, Stage.ACTIVE):
                if task == PLAIN and read_intent(self.store, token).array:
                    continue
                runs = Intent(self.store.jobs / token).runs_of(max(task, 0))
                if runs and not any(_stands_for(token, run) for run in runs):
                    jobs.append(row.job)
        return jobs

    def look(
        self, runs: Sequence[RunFolder], *, fresh_s: float = FRESH_S, gone: Mapping[str, bool] | None = None
    ) -> dict[RunFolder, JobView]:
        """One look at all runs: two calls to the scheduler at most, none where no job is in question.

        Args:
            runs: which.
            fresh_s: age up to which another process's look will do.
            gone: array id -> whether the controller does not know it any more.
        """
        views = {run: _from_disk(run) for run in runs}
        asked = [run for run, view in views.items() if view.submission and view.verdict.standing is Standing.NEW]
        tokens = {view.submission.token for run in asked if (view := views[run]).submission}
        intents = {token: read_intent(self.store, token) for token in tokens}
        keys = {key_of(submitted, intents[submitted.token]) for run in asked if (submitted := views[run].submission)}
        seen = self._observe(keys, fresh_s, [state.job for state in intents.values() if state.others and state.job])
        now = self.observer.clock()
        for run in asked:
            submission = views[run].submission
            assert submission is not None
            state = intents[submission.token]
            key = key_of(submission, state)
            since_s = self._seen_for(run, key, seen)
            verdict = waiting(key, seen) if state.there else None
            if verdict is None:
                evidence = gather(run, submission, state, Intent(self.store.jobs / submission.token))
                verdict = judge(evidence, seen, now=now, since_s=since_s, gone=gone)
            verdict = _of_owner(verdict, state)
            views[run] = JobView(verdict=verdict, submission=submission, missing_s=since_s)
        return views

    def _observe(self, keys: Collection[Key], fresh_s: float, others: Collection[str]) -> Observation:
        if not keys:
            return _UNASKED
        since = submitted_since(self.store, {token for token, _ in keys}, self.observer.clock)
        self._newest = self.observer.look(keys, since, accounts=self.accounting, fresh_s=fresh_s, others=others)
        return self._newest

    def _seen_for(self, run: RunFolder, key: Key, seen: Observation) -> float:
        """For how long the queue has said the same of a run; a look without an answer says nothing."""
        if seen.queue is None:
            return 0.0
        row = seen.queue.get(key)
        state = (key[0], row.state if row else None)
        before = self._since.get(run)
        if before is None or before[0] != state:
            self._since[run] = (state, seen.at)
            return 0.0
        return seen.at - before[1]


def _of_owner(verdict: Verdict, state: IntentState) -> Verdict:
    """Name the user whose job it is, where it is another's."""
    if not state.others or verdict.standing in (Standing.FINISHED, Standing.ENDED):
        return verdict
    whose = f"submitted by {user_name(state.owner)}"
    return replace(verdict, detail=f"{verdict.detail}; {whose}" if verdict.detail else whose)


def _stands_for(token: str, run: RunFolder) -> bool:
    try:
        submission = newest_submission(run)
    except StoreError:
        return True
    return submission is None or submission.token == token


def _from_disk(run: RunFolder) -> JobView:
    """NEW with a submission means: ask the scheduler."""
    if is_finished(run):
        return JobView(verdict=Verdict(standing=Standing.FINISHED), submission=None)
    try:
        submission = newest_submission(run)
    except StoreError as error:
        return JobView(verdict=Verdict(standing=Standing.UNKNOWN, detail=str(error)), submission=None)
    if submission is not None:
        return JobView(verdict=Verdict(standing=Standing.NEW), submission=submission)
    match status_of(run):
        case Status.FINISHED:
            verdict = Verdict(standing=Standing.FINISHED)
        case Status.RUNNING:
            verdict = Verdict(standing=Standing.RUNNING, detail="another process runs it")
        case Status.UNKNOWN:
            verdict = Verdict(standing=Standing.UNKNOWN, detail="its holder cannot be seen from here")
        case _:
            verdict = Verdict(standing=Standing.NEW)
    return JobView(verdict=verdict, submission=None)
