"""Runs on this machine: through one warm worker, at most N at once, each isolated from the others' ends.

What a run came to is read off its folder; the exit status only says when to look. A run that a signal killed, or whose
worker was lost, is continued as often as the cause allows; one that failed cleanly is not tried again in the same
command.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from signal import Signals

from an_cli.errors import LaunchError
from an_cli.launch.ask.door import Door
from an_cli.launch.causes import Cause, spent
from an_cli.launch.here.exit_status import cause_of, in_words, memory_kills, signal_name, write_down
from an_cli.launch.here.sharing import own_gpus
from an_cli.launch.here.stops import Stops, listening
from an_cli.launch.here.warm import Event, Kept, WarmWorker
from an_cli.store import (
    Activity,
    Doing,
    End,
    Progress,
    RunFolder,
    Status,
    error_line,
    is_finished,
    read_doing,
    read_progress,
    status_of,
)
from an_cli.store.endings import Exit

CANCELLED = "cancelled"
RESTARTS = 2  # of the worker, without a run ended in between
TICK_S = 0.5
_STOPPED = {128 + number for number in Signals}  # exit statuses of runs that saved because a signal told them to


class Phase(StrEnum):
    """Where a run stands in this command."""

    QUEUED = "queued"
    RUNNING = "running"
    ELSEWHERE = "elsewhere"  # another process runs it; its end is awaited
    FINISHED = "finished"
    FAILED = "failed"
    PAUSED = "paused"  # at the epoch that its launch names
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class RunState:
    """One run as this command sees it; `doing` is what its attempt has said."""

    run: RunFolder
    phase: Phase = Phase.QUEUED
    progress: Progress | None = None
    cause: str = ""
    doing: Doing | None = None
    activity: str = ""  # what a running one does, in words


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All runs of a command, in its order; `stopping` once it was told to stop."""

    runs: tuple[RunState, ...]
    stopping: bool

    def count(self, *phases: Phase) -> int:
        """How many runs are in one of these phases."""
        return sum(state.phase in phases for state in self.runs)


def run_cells(
    runs: Sequence[RunFolder],
    *,
    door: Door,
    at_once: int,
    gpus: Sequence[str] = (),
    needs: Mapping[RunFolder, Sequence[RunFolder]] | None = None,
    take: Callable[[RunFolder], None] = lambda run: None,
    watch: Callable[[Snapshot], None] = lambda snapshot: None,
    tick_s: float = TICK_S,
    kept: Kept | None = None,
) -> Snapshot:
    """Bring prepared runs to their ends.

    Args:
        runs: prepared folders; those that another process holds are waited for.
        door: how the worker is started; it is not, when nothing needs it.
        at_once: most runs at a time.
        gpus: what CUDA_VISIBLE_DEVICES is for each place; a run takes the place that fewest have. None: left as it is.
        needs: run -> runs that must have finished before it starts.
        take: called of a run right before it is started, to write down how.
        watch: called about every `tick_s` seconds with how things stand.
        tick_s: seconds between looks at the disk.
        kept: where the worker is left for the next call; None: it is let go at the end.

    Returns:
        How things stand at the end. `stopping` says that SIGINT or SIGTERM came.

    Raises:
        LaunchError: the worker cannot start at all.
    """
    with listening() as stops:
        return _Crew(runs, door, at_once, tuple(gpus), needs or {}, take, tick_s, stops, kept).run(watch)


class _Crew:
    """The loop: obey signals, look at runs held elsewhere, fill free places, hear the worker, tell the watcher."""

    def __init__(
        self,
        runs: Sequence[RunFolder],
        door: Door,
        at_once: int,
        gpus: tuple[str, ...],
        needs: Mapping[RunFolder, Sequence[RunFolder]],
        take: Callable[[RunFolder], None],
        tick_s: float,
        stops: Stops,
        kept: Kept | None,
    ) -> None:
        self._gpus, self._needs, self._write_down = gpus, needs, take
        self._at_gpus: dict[RunFolder, str] = {}
        self._states = {run: RunState(run=run) for run in runs}
        self._by_path = {str(run.path): run for run in runs}
        self._door, self._at_once, self._tick_s, self._stops = door, at_once, tick_s, stops
        self._queue = deque(runs)
        self._running: dict[RunFolder, int] = {}  # run -> pid, 0 until it is known
        self._elsewhere: set[RunFolder] = set()
        self._ends: dict[RunFolder, list[End]] = {}
        self._memory_kills = memory_kills()
        self._kept, self._keeps = kept or Kept(), kept is not None
        self._deaths, self._stopping, self._told_at = 0, False, 0.0

    def run(self, watch: Callable[[Snapshot], None]) -> Snapshot:
        try:
            while self._queue or self._running or self._elsewhere:
                self._obey()
                self._look_elsewhere()
                self._fill()
                self._hear()
                self._tell(watch)
        except BaseException:
            if self._kept.worker is not None:
                self._kept.worker.stop()
            raise
        finally:
            if not self._keeps or self._stopping:
                self._kept.close()
        self._obey()  # a signal in the last moment still counts
        watch(self._snapshot())
        return self._snapshot()

    def _obey(self) -> None:
        if self._stops.count and not self._stopping:
            self._stopping = True
            self._queue.clear()
            self._elsewhere.clear()
            if self._kept.worker is not None:
                self._kept.worker.stop()
        if self._stops.count > 1 and self._kept.worker is not None:
            self._kept.worker.kill(pid for pid in self._running.values() if pid)

    def _look_elsewhere(self) -> None:
        for run in sorted(self._elsewhere, key=lambda run: run.id):
            self._settle(run, status_of(run))

    def _settle(self, run: RunFolder, status: Status) -> None:
        """Act on the state of a run that is not a child of our worker, or no longer one."""
        match status:
            case Status.RUNNING | Status.UNKNOWN:
                self._elsewhere.add(run)
                self._set(run, Phase.ELSEWHERE)
                return
            case Status.FINISHED | Status.IMPORTED:
                self._set(run, Phase.FINISHED)
            case Status.FAILED | Status.UNREADABLE:
                self._set(run, Phase.FAILED, error_line(run))
            case _:  # it can be started
                self._set(run, Phase.QUEUED)
                self._queue.append(run)
        self._elsewhere.discard(run)

    def _fill(self) -> None:
        later: list[RunFolder] = []
        while self._queue and len(self._running) < self._at_once:
            run = self._queue.popleft()
            if reason := self._never(run):
                self._set(run, Phase.FAILED, reason)
                continue
            if not all(map(is_finished, self._needs.get(run, ()))):
                later.append(run)  # what it needs goes, or is still to start
                continue
            if run.stop.exists():
                self._set(run, Phase.INTERRUPTED, CANCELLED)
                continue
            status = status_of(run)
            if status.is_done or status.is_going:
                self._settle(run, status)
                continue
            self._write_down(run)
            self._kept.worker = self._kept.worker or WarmWorker(self._door)
            self._kept.worker.start(run, own_gpus(self._place(run)))
            self._running[run] = 0
            self._set(run, Phase.RUNNING)
        self._queue.extendleft(reversed(later))

    def _never(self, run: RunFolder) -> str:
        """Why what a run needs will not finish in this command; empty while it may."""
        for need in self._needs.get(run, ()):
            state = self._states.get(need)
            goes = state is not None and state.phase in (Phase.QUEUED, Phase.RUNNING, Phase.ELSEWHERE)
            if not goes and not is_finished(need):
                return f"it needs {need.id}, which {'is not finished' if state is None else f'is {state.phase}'}"
        return ""

    def _place(self, run: RunFolder) -> tuple[str, ...]:
        """The GPUs that fewest of the running cells have."""
        if not self._gpus:
            return ()
        taken = Counter(self._at_gpus[other] for other in self._running)
        self._at_gpus[run] = min(self._gpus, key=lambda gpus: taken[gpus])
        return (self._at_gpus[run],)

    def _hear(self) -> None:
        if self._kept.worker is None:
            time.sleep(self._tick_s if self._elsewhere else 0)
            return
        for event in self._kept.worker.events(self._tick_s):
            self._take(event)
        if self._kept.worker.ended:
            self._lose(self._kept.worker)

    def _take(self, event: Event) -> None:
        run = self._by_path.get(event.run)
        if run is None or run not in self._running:
            return
        if event.kind == "started":
            self._running[run] = event.pid
        elif event.kind == "exited":
            self._deaths = 0
            del self._running[run]
            self._exited(run, event.exit)

    def _exited(self, run: RunFolder, status: int) -> None:
        if is_finished(run):
            self._set(run, Phase.FINISHED)
        elif status == Exit.BUSY and self._stopping:
            self._set(run, Phase.ELSEWHERE)  # another attempt has it, and may well finish it
        elif status == Exit.BUSY:
            self._settle(run, status_of(run))
        elif status == Exit.PAUSED:
            self._set(run, Phase.PAUSED)
        elif run.stop.exists():
            self._set(run, Phase.INTERRUPTED, CANCELLED)
        elif status < 0 or status in _STOPPED:
            number = -status if status < 0 else status - 128
            cause = cause_of(number, memory_ran_out=self._memory_ran_out())
            self._again(run, cause, f"{in_words(cause)} ({signal_name(number)})")
        elif status != 0 and error_line(run):
            self._set(run, Phase.FAILED, error_line(run))
        else:
            self._fail(run, f"ended {f'with exit status {status}' if status else 'without a result'}; see log.txt")

    def _memory_ran_out(self) -> bool:
        before, self._memory_kills = self._memory_kills, memory_kills()
        return self._memory_kills > before

    def _fail(self, run: RunFolder, cause: str) -> None:
        """Give a run up that has not said itself why."""
        write_down(run, cause)
        self._set(run, Phase.FAILED, cause)

    def _again(self, run: RunFolder, cause: Cause, text: str) -> None:
        if self._stopping:
            self._set(run, Phase.QUEUED if status_of(run).is_untouched else Phase.INTERRUPTED)
            return
        progress = read_progress(run)
        ends = self._ends.setdefault(run, [])
        ends.append(End(cause=cause, detail=text, step=progress.step if progress else 0, job="", node=""))
        if spent(ends):
            times = sum(end.cause == cause for end in ends)
            self._fail(run, f"{text}, {times} times; the last state is kept")
            return
        self._set(run, Phase.QUEUED, text)
        self._queue.append(run)

    def _lose(self, worker: WarmWorker) -> None:
        """The worker is gone before its work was done; its runs may live on without it."""
        self._kept.worker = None
        status = worker.close()
        if status > 0 and not worker.was_ready and not self._stopping:
            raise LaunchError(
                f"the worker ended with exit status {status} before it was ready",
                where=" ".join(self._door.command),
                now="what it said stands above; `python -c 'import torch'` must work",
            )
        lost, self._running = list(self._running), {}
        for run in lost:
            present = status_of(run)
            if (present is Status.FINISHED or present.is_going) and not self._stopping:
                self._settle(run, present)
            elif present is Status.FINISHED:
                self._set(run, Phase.FINISHED)
            else:
                self._again(run, Cause.LOST, in_words(Cause.LOST))
        self._deaths += 1
        if self._deaths > RESTARTS:
            self._give_up(f"the worker was lost {self._deaths} times in a row")

    def _give_up(self, cause: str) -> None:
        for run in self._queue:
            self._set(run, Phase.FAILED, cause)
        self._queue.clear()

    def _set(self, run: RunFolder, phase: Phase, cause: str = "") -> None:
        progress = self._states[run].progress if phase is Phase.ELSEWHERE else read_progress(run)
        self._states[run] = RunState(run=run, phase=phase, progress=progress, cause=cause)

    def _tell(self, watch: Callable[[Snapshot], None]) -> None:
        now = time.monotonic()
        if now - self._told_at < self._tick_s:
            return
        self._told_at = now
        for run in (*self._running, *self._elsewhere):
            doing = read_doing(run)
            activity = str(doing.activity) if doing else self._before(run)
            self._states[run] = replace(self._states[run], progress=read_progress(run), doing=doing, activity=activity)
        watch(self._snapshot())

    def _before(self, run: RunFolder) -> str:
        """What a run waits for whose attempt has not said a word yet."""
        if run in self._elsewhere:
            return ""
        ready = self._kept.worker is not None and self._kept.worker.was_ready
        return str(Activity.STARTING) if ready else "importing torch"

    def _snapshot(self) -> Snapshot:
        return Snapshot(runs=tuple(self._states.values()), stopping=self._stopping)
