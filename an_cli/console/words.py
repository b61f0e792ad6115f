"""Words for times, counts and progress; and how long what is left will take."""

from __future__ import annotations

from an_cli.launch import Phase, RunState, Snapshot
from an_cli.store import Doing, Progress

DASH = "-"


def duration(seconds: float | None) -> str:
    """For example "45 s", "3 min 10 s", "2 h 05 min", "3 d 4 h"; a dash when it is not known."""
    if seconds is None:
        return DASH
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def number(value: float | None, decimals: int) -> str:
    """A number, or a dash when it is not known."""
    return DASH if value is None else f"{value:.{decimals}f}"


def epoch_of(progress: Progress | None) -> str:
    """For example "3/120": the epoch that is being trained or was trained last, from 1."""
    return DASH if progress is None else f"{progress.epoch + 1}/{progress.epochs}"


def remaining_s(progress: Progress | None, doing: Doing | None = None) -> float | None:
    """Seconds of training left at the pace of the attempt that goes; None before its first step.

    elapsed * (steps - step) / step, both counted from where the attempt began: another machine had another pace.

    Args:
        progress: the newest line of the metrics.
        doing: what the attempt has said of itself; without it, all attempts count.
    """
    if progress is None:
        return None
    if doing is not None and doing.from_step is None:
        return None
    from_step, from_s = (doing.from_step or 0, doing.from_elapsed_s) if doing else (0, 0.0)
    done, took_s = progress.step - from_step, progress.elapsed_s - from_s
    return took_s * (progress.steps - progress.step) / done if done > 0 and took_s >= 0 else None


def study_remaining_s(snapshot: Snapshot, at_once: int) -> float | None:
    """Seconds until the last run of a command ends.

    A run that has no pace of its own yet, queued or starting, takes as long for what is left as the others on average.
    """
    progresses = [state.progress for state in snapshot.runs if state.progress and state.progress.step > 0]
    if not progresses:
        return None
    mean_s = sum(progress.elapsed_s * progress.steps / progress.step for progress in progresses) / len(progresses)
    going = [state for state in snapshot.runs if state.phase in (Phase.RUNNING, Phase.QUEUED, Phase.ELSEWHERE)]
    left_s = [_left_s(state, mean_s) for state in going]
    return max([sum(left_s) / at_once, *left_s], default=0.0)


def _left_s(state: RunState, mean_s: float) -> float:
    left_s, progress = remaining_s(state.progress, state.doing), state.progress
    if left_s is not None:
        return left_s
    return mean_s * (1 - progress.step / progress.steps) if progress and progress.steps else mean_s
