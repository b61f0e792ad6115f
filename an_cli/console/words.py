"""Words for times, counts and progress; and how long what is left will take."""

from __future__ import annotations

from an_cli.launch import Phase, Snapshot
from an_cli.store import Progress

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


def remaining_s(progress: Progress | None) -> float | None:
    """Seconds of training left at the pace so far; None before the first step.

    elapsed * (steps - step) / step
    """
    if progress is None or progress.step <= 0:
        return None
    return progress.elapsed_s * (progress.steps - progress.step) / progress.step


def study_remaining_s(snapshot: Snapshot, at_once: int) -> float | None:
    """Seconds until the last run of a command ends, if queued runs take as long as the others do on average."""
    progresses = [state.progress for state in snapshot.runs if state.progress and state.progress.step > 0]
    if not progresses:
        return None
    mean_s = sum(one.elapsed_s * one.steps / one.step for one in progresses) / len(progresses)
    going = [state for state in snapshot.runs if state.phase in (Phase.RUNNING, Phase.QUEUED, Phase.ELSEWHERE)]
    left_s = [found if (found := remaining_s(state.progress)) is not None else mean_s for state in going]
    return max([sum(left_s) / at_once, *left_s], default=0.0)
