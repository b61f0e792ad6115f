"""The runs of one job of a scheduler: a process each, signalled to save before the job ends, requeued with work left.

The job's process is this one, without a shell or a launcher in between, and it only waits: what it is told it hands on,
so that each run saves at its own safe point. SLURM requeues a job that it preempts, or whose node it lost; a job that
stops because its time is nearly up requeues itself. Nothing else has to be alive.

Exit status: 0 all runs finished (or another attempt holds them), 1 some failed, 75 told to stop with work left,
otherwise 128 + signal.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from an_cli.config import LaunchConfig
from an_cli.environment import without_slurm
from an_cli.errors import AnError, StoreError
from an_cli.mirror import Mirror
from an_cli.redact import redact_output
from an_cli.store import Holder, RunFolder, Store, is_finished, newest_submission, read_progress, this_process
from an_cli.store.endings import Exit
from an_cli.train import StopFlag, read_launch
from an_cli.train.signals import STOPS
from an_cli.worker.child import die_with_parent, fork
from an_cli.worker.nodes import become_srun, run_node
from an_cli.worker.run import Account, run_here
from an_cli.worker.serve import redirect

_WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)  # sent ahead of an end; SIGTERM is the end, or somebody's scancel
_AGAIN_MOST = 2  # times a run that a signal killed is started again within one job
log = logging.getLogger("an_cli.worker")


@dataclass(frozen=True)
class Job:
    """This job, as its environment tells it."""

    token: str
    name: str
    restart: int

    @staticmethod
    def here() -> Job:
        """Read it from the environment."""
        array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
        name = f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
        restart = os.environ.get("SLURM_RESTART_COUNT", "0")
        return Job(os.environ.get("AN_CLI_TOKEN", ""), name, int(restart) if restart.isdecimal() else 0)

    def submission(self, run: RunFolder) -> int | None:
        """Which submission of a run this job is; None when a newer one stands for the run: this job is superseded."""
        submission = newest_submission(run)
        return submission.number if submission and submission.token == self.token else None

    def ends_at(self) -> float | None:
        """When the job's time is up, on this process's monotonic clock; None where nobody says."""
        end = os.environ.get("SLURM_JOB_END_TIME", "")
        left = float(end) - time.time() if end.isdecimal() else self._ask_left_s()
        return None if left is None else time.monotonic() + left

    def _ask_left_s(self) -> float | None:
        """SLURM before 23.02 does not set the variable. The time left is asked, so that clocks need not agree."""
        answer = _call("squeue", "--noheader", "--format=%L", f"--jobs={self.name}")
        return seconds(answer) if answer else None

    def account(
        self, launch: LaunchConfig, number: int, deadline: float | None, early: StopFlag | None = None
    ) -> Account:
        """On whose account this job's attempts are made.

        Args:
            launch: settings of the run.
            number: of the submission of the run that this job is.
            deadline: see `ends_at`.
            early: what was received before the attempt could listen.
        """

        def make_stop() -> StopFlag:
            stop = StopFlag(insists=False).install()
            stop.received = early.received if early else None
            if deadline is not None:
                stop.end_at(deadline, float(launch.warn_s))
            return stop

        def holder() -> Holder:
            return this_process(job=self.name, submission=number, restart=self.restart)

        return Account(make_stop=make_stop, holder=holder)

    def requeue(self) -> bool:
        """Ask to be started again; True when SLURM agreed."""
        if not self.name:
            return False
        answer = _call("scontrol", "requeue", self.name)
        log.info("job %s %s", self.name, "is requeued" if answer is not None else "could not be requeued")
        return answer is not None


def seconds(text: str) -> float | None:
    """Seconds of a time as SLURM writes it: `[days-][hours:]minutes:seconds`."""
    days, dash, clock = text.strip().rpartition("-")
    parts = clock.split(":")
    if not all(part.isdecimal() for part in parts) or len(parts) > 3 or (dash and not days.isdecimal()):
        return None
    total = 0
    for part in parts:
        total = 60 * total + int(part)
    return float(total + (86400 * int(days) if dash else 0))


def _call(*words: str) -> str | None:
    try:
        done = subprocess.run(
            words, env=without_slurm(os.environ), capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("%s: %s", words[0], error)
        return None
    if done.returncode != 0:
        log.warning("%s: %s", " ".join(words), " ".join(done.stderr.split()))
        return None
    return done.stdout.strip()


def run_job(folders: list[Path]) -> int:
    """Make one attempt at each run of this job; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    return _JobCrew(Job.here(), [RunFolder(folder.resolve()) for folder in folders]).run()


def run_ranks(folder: Path) -> int:
    """The ranks of one run on this node of the job; returns the exit status."""
    redact_output()  # srun writes into the run's log what this process says
    run, job = RunFolder(folder.resolve()), Job.here()
    number = job.submission(run)
    return Exit.BUSY if number is None else run_node(folder, job.account(read_launch(run), number, job.ends_at()))


@dataclass
class _JobCrew:
    """The processes of a job's runs."""

    job: Job
    runs: list[RunFolder]
    stop_signal: int | None = None
    _steps_before: int = 0
    _children: dict[int, RunFolder] = field(default_factory=dict)
    _ends: dict[str, int] = field(default_factory=dict)
    _again: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._mirror = Mirror(Store(self.runs[0].path.parent.parent).mirror_log)

    def run(self) -> int:
        for number in STOPS:
            signal.signal(number, self._hand_on)
        deadline = self.job.ends_at()
        self._steps_before = self._steps()
        for run in self.runs:
            if self.stop_signal is None:
                self._start(run, deadline)
        while self._children:
            try:
                pid, status = os.wait()
            except InterruptedError:
                continue
            if pid in self._children:  # the shell that became this process may have left it a child
                run = self._children.pop(pid)
                self._ended(run, os.waitstatus_to_exitcode(status), deadline)
        self._mirror.close()
        return self._status()

    def _follow(self, run: RunFolder) -> None:
        """Have a run mirrored; one whose settings do not read says so itself, in its attempt."""
        with contextlib.suppress(AnError):
            if not is_finished(run):
                self._mirror.follow(run, read_launch(run))

    def _hand_on(self, number: int, frame: object) -> None:
        if self.stop_signal is None or number not in _WARNINGS:
            self.stop_signal = number
        for pid in list(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)

    def _steps(self) -> int:
        """Steps that all runs have made, and one for each that is finished."""
        reached = [read_progress(run) for run in self.runs]
        return sum(progress.step for progress in reached if progress) + sum(is_finished(run) for run in self.runs)

    def _start(self, run: RunFolder, deadline: float | None) -> None:
        self._follow(run)
        held = signal.pthread_sigmask(signal.SIG_BLOCK, set(STOPS))
        pid = fork(lambda: self._become(run, deadline, held))
        self._children[pid] = run
        signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def _become(self, run: RunFolder, deadline: float | None, held: set[signal.Signals] | set[int]) -> int:
        early = StopFlag(insists=False).install()
        die_with_parent()
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        redirect(run.log)
        return self._attempt(run, early, deadline)

    def _attempt(self, run: RunFolder, early: StopFlag, deadline: float | None) -> int:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True)
        if is_finished(run):
            return 0
        if run.stop.exists():
            log.info("cancelled before it started; the same command submits it again")
            return 128 + signal.SIGTERM
        try:
            number = self.job.submission(run)
        except StoreError as error:  # not superseded: nobody knows
            log.error("%s", error)
            return 1
        if number is None:
            log.info("job %s is superseded by a newer submission", self.job.name)
            return Exit.BUSY
        launch = read_launch(run)
        if launch.nodes > 1:
            signal.pthread_sigmask(signal.SIG_BLOCK, set(STOPS))  # they wait until srun listens
            become_srun(run, launch, job=self.job.name, restart=self.job.restart)
        return run_here(run.path, self.job.account(launch, number, deadline, early))

    def _ended(self, run: RunFolder, status: int, deadline: float | None) -> None:
        log.info("run %s: exit %d", run.id, status)
        self._ends[run.id] = status
        tries = self._again.get(run.id, 0)
        if status < 0 and self.stop_signal is None and tries < _AGAIN_MOST:
            self._again[run.id] = tries + 1
            self._start(run, deadline)

    def _status(self) -> int:
        ends = {run: self._ends.get(run.id, 128 + signal.SIGTERM) for run in self.runs}  # not started: told before
        unfinished = [run for run, status in ends.items() if status > 128 and not run.stop.exists()]
        ours = self.stop_signal is None or self.stop_signal in _WARNINGS  # not SIGTERM: SLURM knows what it wants then
        # A job whose time is too short for a single step would go on for ever: that is for its owner to see.
        if unfinished and ours and self._steps() > self._steps_before and self.job.requeue():
            return Exit.BUSY
        if unfinished:
            return 128 + self.stop_signal if self.stop_signal else Exit.BUSY
        return 1 if any(status not in (0, Exit.BUSY) for status in self._ends.values()) else 0
