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
from an_cli.launch.slurm.intent import job_name, new_intent, token_of
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
    outcome, jobs = SubmitOutcome(), list[str]()
    while queue:
        chunk, at_once = queue.pop(0)
        # More arrays than jobs may run at once: each waits for the end of the one that stands so many before it.
        turn = f"afterany:{jobs[-most]}" if len(chunks) > most and len(jobs) >= most else None
        wait_for = ",".join(filter(None, (dependency, turn))) or None
        refusal = _submit_array(chunk, terms, scheduler, outcome, at_once, wait_for, pause, jobs)
        if refusal is None:
            continue
        outcome.full = outcome.full or _has(refusal.text, _LIMITS)
        half = len(refusal.tasks) // 2
        if half and _has(refusal.text, _LIMITS):  # a smaller array may still fit under the limit
            again = [[_next(request) for request in task] for task in refusal.tasks]
            queue[:0] = [(part, max(1, at_once // 2)) for part in (again[:half], again[half:])]
            continue
        rest = [task for tasks in (refusal.tasks, *(later for later, _ in queue)) for task in tasks]
        outcome.refused.update({request.run: refusal.text for task in rest for request in task})
        break  # what is refused once is refused again; the same command continues with the rest
    return outcome


def _next(request: SubmissionRequest) -> SubmissionRequest:
    return SubmissionRequest(run=request.run, number=request.number + 1, after=request.after)


def _submit_array(
    chunk: Sequence[Task],
    terms: JobSettings,
    scheduler: Scheduler,
    outcome: SubmitOutcome,
    at_once: int,
    dependency: str | None,
    pause: Callable[[float], None],
    jobs: list[str],
) -> Refusal | None:
    """One array, of those of the runs that no other submitter takes; returns what SLURM said when it refused it."""
    intent = new_intent(terms.store)
    array = terms.max_array > 0
    intent.announce(terms.study, {"launch": plain(for_jobs(terms.launch)), "code": str(terms.code), "array": array})
    won = _take(chunk, intent.token)
    if not won:
        intent.refuse("every run was taken by another submitter")
        return None
    runs = [request.run for task in won for request in task]
    for run in runs:
        forget_stop(run)  # a launch overrules it, whatever the run stood like when the request to stop was written
        write_job(run, terms.launch, on="slurm")
    name = job_name(terms.study, intent.token)
    script = make_script(
        intent,
        terms.launch,
        name=name,
        elements=len(won) if array else None,
        at_once=min(at_once, len(won)),
        threads=terms.threads,
        code=terms.code,
        commit=commit(),
        dependency=dependency,
        data=terms.data,
        exclude=sorted({*terms.avoid, *bad_nodes([end for task in won for request in task for end in request.after])}),
    )
    intent.prepare(script, [[request.run for request in task] for task in won])
    intent.call()
    outcome.calls += 1
    answer = scheduler("sbatch", "--parsable", str(intent.script))
    job = read_job(answer)
    job = job or _find(
        scheduler, intent.token, name, pause, unclear=answer.status == 0 or _has(answer.trouble, _UNCLEAR)
    )
    if job:
        intent.accept(job)
        outcome.submitted += runs
        jobs.append(job)
        return None
    full = answer.status == TIMED_OUT and _has(answer.err, _LIMITS)  # it slept, and no job came of it
    if not full and answer.status != 0 and _has(answer.trouble, _UNCLEAR):
        outcome.doubtful += runs
        return None
    trouble = (
        answer.trouble or f"sbatch gave no job id: {' '.join((answer.out + answer.err).split())[:200] or 'no word'}"
    )
    intent.refuse(trouble)
    return Refusal(trouble, won)


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


def _find(scheduler: Scheduler, token: str, name: str, pause: Callable[[float], None], *, unclear: bool) -> str | None:
    """Look for a job that was made although sbatch did not say so: once, and longer when what it said is unclear."""
    for wait_s in LOOKS_S if unclear else LOOKS_S[:1]:
        pause(wait_s)
        answer = scheduler("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%F|%j")
        for line in answer.out.splitlines() if answer.status == 0 else ():
            job, _, listed = line.strip().partition("|")
            if job.isdecimal() and token_of(listed) == token:
                return job
    return None


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
