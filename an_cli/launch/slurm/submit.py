"""Handing runs to SLURM, each exactly once.

The order matters: the intent with its token is on disk, then the submission records that only one contender can take,
then what the job reads, then the mark that sbatch may have been called, then sbatch. A submitter that dies at any of
these points leaves a run that is either free again or found by its token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from an_cli.config import plain
from an_cli.errors import LaunchError
from an_cli.launch.causes import bad_nodes
from an_cli.launch.prepare import for_jobs, write_job
from an_cli.launch.slurm.intent import Intent, job_name, new_intent, token_of
from an_cli.launch.slurm.request import JobSettings, SubmissionRequest
from an_cli.launch.slurm.scheduler import TIMED_OUT, CommandResult, Scheduler
from an_cli.launch.slurm.script import make_script
from an_cli.store import RunFolder, Submission, commit, forget_stop, take_submission

LOOKS_S = (0.5, 2.0, 5.0)  # pauses before each look for a job that sbatch may have made without saying so
_LIMITS = ("submit limit", "MaxSubmit", "MaxJobCount", "job limit", "AssocGrp", "QOSMax", "temporarily unable")
_UNCLEAR = ("unable to contact", "timed out", "no answer in time", "connection", "communication", "zero bytes")


Task = Sequence[SubmissionRequest]  # the runs of one element of an array


@dataclass(frozen=True)
class Refusal:
    """An array that SLURM did not take.

    Attributes:
        text: why, in the words of sbatch.
        tasks: its elements: what this submitter has taken, and no other.
    """

    text: str
    tasks: Sequence[Task]


@dataclass
class SubmitOutcome:
    """What became of a submission.

    Attributes:
        submitted: runs that now have a job.
        refused: what SLURM said, for runs that have none.
        doubtful: runs whose job SLURM may or may not have made; the next look decides.
        calls: of sbatch.
        full: whether what SLURM refused was one job too many.
    """

    submitted: list[RunFolder] = field(default_factory=list)
    refused: dict[RunFolder, str] = field(default_factory=dict)
    doubtful: list[RunFolder] = field(default_factory=list)
    calls: int = 0
    full: bool = False


def submit(
    requests: Sequence[SubmissionRequest],
    terms: JobSettings,
    scheduler: Scheduler,
    *,
    dependency: str | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> SubmitOutcome:
    """Submit runs in arrays, in the order given; those that another submitter takes meanwhile are left to it.

    Args:
        requests: what to submit.
        terms: how.
        scheduler: how SLURM is spoken to.
        dependency: as sbatch takes it.
        pause: waits so many seconds.

    Raises:
        StoreError: the store cannot be written; nothing is submitted then that the store does not know.
        LaunchError: a setting that sbatch cannot take.
    """
    tasks = [list(requests[start : start + terms.launch.pack]) for start in range(0, len(requests), terms.launch.pack)]
    size, most = max(1, terms.max_array), terms.launch.array_parallelism
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    share = max(1, most // max(1, len(chunks)))
    queue: list[tuple[Sequence[Task], int]] = [(chunk, share) for chunk in chunks]
    arrays = _Arrays(terms, scheduler, pause)
    while queue:
        chunk, at_once = queue.pop(0)
        # More arrays than jobs may run at once: each waits for the end of the one that stands so many before it.
        turn = f"afterany:{arrays.jobs[-most]}" if len(chunks) > most and len(arrays.jobs) >= most else None
        refusal = arrays.add(chunk, at_once, ",".join(filter(None, (dependency, turn))) or None)
        if refusal is not None:
            queue = arrays.after_refusal(refusal, at_once, queue)
    return arrays.outcome


def _next(request: SubmissionRequest) -> SubmissionRequest:
    return SubmissionRequest(run=request.run, number=request.number + 1, after=request.after)


@dataclass
class _Arrays:
    """The arrays of one command, and what became of them."""

    terms: JobSettings
    scheduler: Scheduler
    pause: Callable[[float], None]
    outcome: SubmitOutcome = field(default_factory=SubmitOutcome)
    jobs: list[str] = field(default_factory=list)

    def add(self, chunk: Sequence[Task], at_once: int, wait_for: str | None) -> Refusal | None:
        """One array, of those of the runs that no other submitter takes; what SLURM said when it refused it."""
        terms, intent = self.terms, new_intent(self.terms.store)
        content = {"launch": plain(for_jobs(terms.launch)), "code": str(terms.code), "array": terms.max_array > 0}
        intent.announce(terms.study, content)
        won = _take(chunk, intent.token)
        if not won:
            intent.refuse("every run was taken by another submitter")
            return None
        self._write(intent, won, min(at_once, len(won)), wait_for)
        intent.call()
        self.outcome.calls += 1
        answer = self.scheduler("sbatch", "--parsable", str(intent.script))
        job = read_job(answer) or self._find(intent.token, answer)
        if job is None:
            return self._not_taken(intent, won, answer)
        intent.accept(job)
        self.outcome.submitted += _runs(won)
        self.jobs.append(job)
        return None

    def _write(self, intent: Intent, won: Sequence[Task], at_once: int, wait_for: str | None) -> None:
        """Write the script, and how each run is started."""
        terms = self.terms
        for run in _runs(won):
            forget_stop(run)  # a launch overrules it, whatever the run stood like when the request to stop was written
            write_job(run, terms.launch, on="slurm")
        failed_on = bad_nodes([end for task in won for request in task for end in request.after])
        script = make_script(
            intent,
            terms.launch,
            name=job_name(terms.study, intent.token),
            elements=len(won) if terms.max_array > 0 else None,
            at_once=at_once,
            threads=terms.threads,
            code=terms.code,
            commit=commit(),
            dependency=wait_for,
            data=terms.data,
            exclude=sorted({*terms.avoid, *failed_on}),
        )
        intent.prepare(script, [[request.run for request in task] for task in won])

    def _find(self, token: str, answer: CommandResult) -> str | None:
        """Look for a job that was made although sbatch did not say so: once, and longer when its answer is unclear."""
        unclear = answer.status == 0 or _has(answer.trouble, _UNCLEAR)
        name = job_name(self.terms.study, token)
        for wait_s in LOOKS_S if unclear else LOOKS_S[:1]:
            self.pause(wait_s)
            queue = self.scheduler("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%F|%j")
            for line in queue.out.splitlines() if queue.status == 0 else ():
                job, _, listed = line.strip().partition("|")
                if job.isdecimal() and token_of(listed) == token:
                    return job
        return None

    def _not_taken(self, intent: Intent, won: Sequence[Task], answer: CommandResult) -> Refusal | None:
        """No job came of it: refused, or nobody knows yet."""
        slept = answer.status == TIMED_OUT and _has(answer.err, _LIMITS)  # on a limit, and no job came of it
        if not slept and answer.status != 0 and _has(answer.trouble, _UNCLEAR):
            self.outcome.doubtful += _runs(won)
            return None
        words = " ".join((answer.out + answer.err).split())[:200] or "no word"
        trouble = answer.trouble or f"sbatch gave no job id: {words}"
        intent.refuse(trouble)
        return Refusal(trouble, won)

    def after_refusal(
        self, refusal: Refusal, at_once: int, queue: list[tuple[Sequence[Task], int]]
    ) -> list[tuple[Sequence[Task], int]]:
        """What is still to be submitted: smaller arrays, which may fit under a limit, else nothing any more."""
        limited = _has(refusal.text, _LIMITS)
        self.outcome.full = self.outcome.full or limited
        half = len(refusal.tasks) // 2
        if half and limited:
            again = [[_next(request) for request in task] for task in refusal.tasks]
            return [*((part, max(1, at_once // 2)) for part in (again[:half], again[half:])), *queue]
        # What is refused once is refused again; the same command continues with the rest.
        rest = [task for tasks in (refusal.tasks, *(later for later, _ in queue)) for task in tasks]
        self.outcome.refused.update(dict.fromkeys(_runs(rest), refusal.text))
        return []


def _runs(tasks: Sequence[Task]) -> list[RunFolder]:
    return [request.run for task in tasks for request in task]


def _take(chunk: Sequence[Task], token: str) -> list[Task]:
    """Take the submissions of a chunk: the runs of each element that are ours, without elements that have none."""
    won: list[Task] = []
    for task in chunk:
        mine = [request for request in task if _taken(request, token, len(won))]
        if mine:
            won.append(mine)
    return won


def _taken(request: SubmissionRequest, token: str, task: int) -> bool:
    """Whether the run's next submission is this one, and no other submitter's."""
    return take_submission(request.run, Submission(number=request.number, token=token, task=task, after=request.after))


def read_job(answer: CommandResult) -> str | None:
    """The id in what `sbatch --parsable` printed: the last line that is one, whatever banners stand around it."""
    if answer.status != 0:
        return None
    lines = [line.strip().partition(";")[0] for line in answer.out.splitlines()]
    return next((line for line in reversed(lines) if line.isdecimal()), None)


def _has(text: str, words: Sequence[str]) -> bool:
    return any(word.lower() in text.lower() for word in words)


def check_taken(outcome: SubmitOutcome) -> None:
    """Raise when SLURM took no job at all.

    Raises:
        LaunchError: with what it said.
    """
    if outcome.refused and not outcome.submitted and not outcome.doubtful:
        reason = next(iter(outcome.refused.values()))
        raise LaunchError(
            f"SLURM takes no job: {reason}",
            where="sbatch",
            now="change what launch asks for (partition, account, time_min, ...); an-cli doctor says what there is",
        )
