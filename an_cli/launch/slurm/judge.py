"""What is known of one run under SLURM, from all sources together. Pure but for reading the run's folder.

The queue, the accounts, the run's own records and its heartbeat are four witnesses. A run is over when its result is
there, or a scheduler says so; never because somebody is silent. What is not known is UNKNOWN, and stays so.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from an_cli.launch.causes import Cause
from an_cli.launch.slurm.intent import SBATCH_GONE_S, Intent, IntentState, user_name
from an_cli.launch.slurm.observe import PLAIN, Key, Observation, QueueRow
from an_cli.launch.slurm.states import Stage, is_held, meaning, never_starts
from an_cli.store import Holder, Life, RunFolder, Submission, error_line, is_finished, life, read_holder
from an_cli.store.endings import Ending

ABSENT_S = 15.0  # a job must be missing for so long, in at least two looks, before anybody asks whether it is gone
LONE_S = 60.0  # ... and for so long where the accounts do not confirm it
VISIBLE_S = 60.0  # a result may take so long to be seen on a shared disk


class Standing(StrEnum):
    """Where a run stands under the scheduler."""

    NEW = "new"  # no submission stands for it
    SUBMITTING = "submitting"
    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    FINISHED = "finished"
    ENDED = "ended"  # its job is over and there is no result
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A run's standing, why, and where."""

    standing: Standing
    cause: Cause | None = None
    detail: str = ""
    job: str = ""
    node: str = ""
    in_doubt: bool = False  # more looks will tell
    stuck: bool = False  # waits for somebody: held, or asking for what there is not
    began: bool = False  # its job has got as far as the run


@dataclass(frozen=True, kw_only=True)
class RunEvidence:
    """What the disk says of a submitted run.

    Attributes:
        submission: that stands for it.
        intent: what the submitter wrote down.
        finished: the result is there.
        life: of the newest claim's holder.
        holder: of the newest claim.
        error: first line of `error.txt`.
        stop: whether its owner wants it to stop.
        output: what the job itself printed last, with its file; empty where there is none.
    """

    submission: Submission
    intent: IntentState
    finished: bool
    life: Life
    holder: Holder | None
    error: str
    stop: bool = False
    output: str = ""


def gather(run: RunFolder, submission: Submission, state: IntentState, intent: Intent | None = None) -> RunEvidence:
    """Read a run's folder, and what its job printed."""
    return RunEvidence(
        submission=submission,
        intent=state,
        finished=is_finished(run),
        life=life(run),
        holder=read_holder(run),
        error=error_line(run),
        stop=run.stop.exists(),
        output=_last_line(intent, submission, state) if intent is not None else "",
    )


def judge(
    evidence: RunEvidence, seen: Observation, *, now: float, since_s: float, gone: Mapping[str, bool] | None = None
) -> Verdict:
    """The standing of a submitted run.

    Args:
        evidence: what the disk says.
        seen: what the scheduler says.
        now: seconds since the epoch.
        since_s: for how long it has looked as it does: missing from the queue, or over without a result.
        gone: array id -> whether the controller, asked for it by id, says that there is no such job.
    """
    if evidence.finished:
        return Verdict(standing=Standing.FINISHED)
    key = key_of(evidence.submission, evidence.intent)
    if seen.queue is None:
        return _without_queue(evidence, seen)
    row = seen.queue.get(key) or _never_started(key, seen.queue)
    if not evidence.intent.there and evidence.life is not Life.ALIVE:  # its job could read nothing
        detail = "its folder in .an-cli/jobs is gone"
        return Verdict(standing=Standing.ENDED, cause=Cause.REFUSED, detail=detail, job=row.job if row else "")
    if row is not None:
        return _by_row(evidence, row, since_s)
    if evidence.intent.job is None:
        return _not_accepted(evidence, seen, now, since_s)
    account = (seen.accounts or {}).get(key) or _never_started(key, seen.accounts or {})
    if account is not None and meaning(account.state).stage is Stage.OVER:
        return _by_row(evidence, account, since_s)
    return _missing(evidence, seen, account, now, since_s, gone or {})


def _never_started(key: Key, rows: Mapping[Key, QueueRow]) -> QueueRow | None:
    """The row that stands for those elements of an array that were cancelled before they started."""
    row = rows.get((key[0], PLAIN))
    return row if row is not None and meaning(row.state).cause is Cause.CANCELLED else None


def key_of(submission: Submission, state: IntentState) -> Key:
    """Under what the scheduler's answers have a submission."""
    return submission.token, submission.task if state.array else PLAIN


def waiting(key: Key, seen: Observation) -> Verdict | None:
    """The verdict on a run whose job waits, where the queue alone says so; nothing else needs to be read then."""
    row = (seen.queue or {}).get(key)
    return _waiting(row) if row is not None and meaning(row.state).stage is Stage.WAITING else None


def _waiting(row: QueueRow) -> Verdict:
    if is_held(row.state, row.reason):
        detail = f"{row.reason}; release it with: scontrol release {row.job}"
        return Verdict(standing=Standing.HELD, detail=detail, job=row.job, stuck=True)
    change = never_starts(row.reason)
    if change is None:
        return Verdict(standing=Standing.QUEUED, detail=row.reason, job=row.job)
    remedy = f"change {change}, then: scancel {row.job}" if change else f"scancel {row.job}"
    detail = f"{row.reason}: it will never start; {remedy}"
    return Verdict(standing=Standing.QUEUED, detail=detail, job=row.job, stuck=True)


def _without_queue(evidence: RunEvidence, seen: Observation) -> Verdict:
    job = _job(evidence)
    if evidence.life is Life.ALIVE:
        return Verdict(standing=Standing.RUNNING, detail="by its heartbeat", job=job)
    if evidence.intent.submitting:
        return Verdict(standing=Standing.SUBMITTING, job=job)
    if evidence.intent.refused is not None:
        return Verdict(standing=Standing.ENDED, cause=Cause.REFUSED, detail=evidence.intent.refused)
    detail = seen.trouble or "SLURM was not asked"
    return Verdict(standing=Standing.UNKNOWN, detail=detail, job=job, in_doubt=evidence.intent.job is None)


def _by_row(evidence: RunEvidence, row: QueueRow, since_s: float) -> Verdict:
    meant = meaning(row.state)
    match meant.stage:
        case Stage.WAITING:
            return _waiting(row)
        case Stage.ACTIVE:
            began = _is_of(evidence.holder, row.job)
            return Verdict(standing=Standing.RUNNING, detail=row.state.lower(), job=row.job, node=row.node, began=began)
        case Stage.UNKNOWN:
            return Verdict(standing=Standing.UNKNOWN, detail=f"SLURM says {row.state!r}", job=row.job, node=row.node)
        case Stage.OVER:
            assert meant.cause is not None
            return _over(evidence, row, meant.cause, since_s)


def _over(evidence: RunEvidence, row: QueueRow, reported: Cause, since_s: float) -> Verdict:
    """SLURM knows that the job ended; the run knows how, where SLURM only saw an exit status."""
    mine = _is_of(evidence.holder, row.job)
    left = evidence.holder.left if evidence.holder is not None and mine else ""
    if not mine and evidence.life is Life.ALIVE and reported in (Cause.COMPLETED, Cause.CRASH):
        return Verdict(standing=Standing.RUNNING, detail="another process holds it", job=row.job, node=row.node)
    cause, detail = reported, row.state
    if reported in (Cause.CRASH, Cause.COMPLETED):
        if evidence.stop and Ending.of(left) is not Ending.FAILED:
            cause, detail = Cause.CANCELLED, "an-cli cancel"
        elif not mine and reported is Cause.CRASH:
            cause, detail = Cause.SET_UP, _before_it_began(evidence, row)
        elif Ending.of(left) is Ending.FAILED:
            cause, detail = Cause.CRASH, evidence.error
        elif Ending.of(left) is Ending.STOPPED:
            cause, detail = Cause.TIME_LIMIT, f"{left}, and not requeued"
        elif reported is Cause.CRASH and mine:
            cause, detail = Cause.KILLED, f"ended without a word (exit {row.exit or 'unknown'})"
        elif reported is Cause.COMPLETED and since_s < VISIBLE_S:
            detail = "its job is over; waiting to see its result"
            return Verdict(standing=Standing.UNKNOWN, detail=detail, job=row.job, in_doubt=True)
    elif reported is Cause.TIME_LIMIT and not mine:
        detail = f"{row.state} during set-up, before the run began: raise launch.time_min"
        cause = Cause.SET_UP
    return Verdict(standing=Standing.ENDED, cause=cause, detail=detail, job=row.job, node=row.node, began=mine)


def _before_it_began(evidence: RunEvidence, row: QueueRow) -> str:
    """Why a job ended without a claim on its run: what it printed itself, for nothing else knows."""
    if row.exit.endswith(f":{int(signal.SIGUSR2)}") or row.exit.startswith(f"{128 + signal.SIGUSR2}:"):
        return "its time was nearly up during set-up, before the run began: raise launch.time_min"
    status = f" (exit {row.exit})" if row.exit else ""
    return f"its job ended before the run began{status}: {evidence.output or 'it printed nothing that is to be seen'}"


def _is_of(holder: Holder | None, job: str) -> bool:
    return holder is not None and holder.job == job


def _not_accepted(evidence: RunEvidence, seen: Observation, now: float, since_s: float) -> Verdict:
    """No id is on record and the queue does not have the token."""
    state = evidence.intent
    if state.refused is not None:
        return Verdict(standing=Standing.ENDED, cause=Cause.REFUSED, detail=state.refused)
    if state.submitting:
        return Verdict(standing=Standing.SUBMITTING)
    if not state.called:
        return Verdict(standing=Standing.ENDED, cause=Cause.REFUSED, detail="its submitter ended before sbatch")
    if (seen.accounts or {}).get(key_of(evidence.submission, state)) is not None:
        return Verdict(standing=Standing.UNKNOWN, detail="in the accounts, and not in the queue")
    patience_s = ABSENT_S if seen.accounts else LONE_S
    if seen.at < now - state.age_s or since_s < patience_s:
        detail = "sbatch gave no job id; looking for its job"
        if state.age_s > SBATCH_GONE_S + LONE_S:
            detail = "not submitted: sbatch gave no job id and the queue has no such job; the same command submits it"
        return Verdict(standing=Standing.UNKNOWN, detail=detail, in_doubt=True)
    return Verdict(standing=Standing.ENDED, cause=Cause.REFUSED, detail="not submitted: no job came of it")


def _missing(
    evidence: RunEvidence,
    seen: Observation,
    account: QueueRow | None,
    now: float,
    since_s: float,
    gone: Mapping[str, bool],
) -> Verdict:
    """The job was accepted, and the queue does not have it; the accounts do not say that it is over."""
    job, state = _job(evidence), evidence.intent
    if seen.at <= now - evidence.intent.age_s + 1.0:
        return Verdict(standing=Standing.QUEUED, detail="just submitted", job=job)
    if evidence.life is Life.ALIVE:
        return Verdict(standing=Standing.RUNNING, detail="by its heartbeat", job=job)
    holder = evidence.holder
    if holder is not None and holder.left and holder.job == job and since_s >= ABSENT_S:
        cause = (
            Cause.CRASH
            if Ending.of(holder.left) is Ending.FAILED
            else Cause.CANCELLED
            if evidence.stop
            else Cause.PREEMPTED
        )
        return Verdict(standing=Standing.ENDED, cause=cause, detail=evidence.error or holder.left, job=job)
    if state.others:  # a cluster may hide their jobs: what is not to be seen is not known to be over
        whose = user_name(state.owner)
        detail = f"not to be seen from here: ask {whose}, whose job it is, or SLURM's accounts"
        return Verdict(standing=Standing.UNKNOWN, detail=detail, job=job)
    if since_s >= ABSENT_S and gone.get(evidence.intent.job or "", False) and evidence.life is Life.DEAD:
        detail = f"neither squeue nor scontrol knows it{f'; sacct says {account.state}' if account else ''}"
        cause = Cause.CANCELLED if evidence.stop else Cause.LOST
        return Verdict(standing=Standing.ENDED, cause=cause, detail=detail, job=job)
    detail = f"not in the queue; {seen.trouble or 'not known to be over'}"
    return Verdict(standing=Standing.UNKNOWN, detail=detail, job=job, in_doubt=True)


def _job(evidence: RunEvidence) -> str:
    state = evidence.intent
    return (f"{state.job}_{evidence.submission.task}" if state.array else state.job) if state.job else ""


def _last_line(intent: Intent, submission: Submission, state: IntentState) -> str:
    """The last line that a job printed outside its run, and the file."""
    if not state.job:
        return ""
    path = intent.output(state.job, submission.task if state.array else None)
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode(errors="backslashreplace").split("\n")
    except OSError:
        return ""
    printed = [line.strip() for line in lines if line.strip()]
    return f"{printed[-1][:200]} [{path}]" if printed else ""
