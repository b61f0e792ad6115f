"""One made-up history: commands that come and die, a cluster that lies, and what must hold whatever happens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from an_cli.config import LaunchConfig
from an_cli.errors import LaunchError
from an_cli.files import write_json
from an_cli.launch.here.crew import Snapshot
from an_cli.launch.slurm import intent
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.judge import Standing
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.request import JobSettings
from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.launch.slurm.watcher import Watcher
from an_cli.store import RunFolder, Store, newest_submission
from tests.slurm.imagined import Imagined

MOST_COMMANDS = 12
PATIENCE = 60  # looks of one command before its user gives up with Ctrl-C
CALM_COMMANDS = 40


class Killed(BaseException):
    """The command is killed here."""


@dataclass
class History:
    """Its parts, all decided by one seed."""

    seed: int
    root: Path
    launch: LaunchConfig
    broken: list[str] = field(default_factory=list)
    duplicates: int = 0
    commands: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.cluster = Imagined(
            self.dice,
            faults=self.dice.choice([0.0, 0.1, 0.25]),
            accounting=self.dice.random() < 0.7,
            max_array=self.dice.choice([1, 2, 3, 1001]),
            max_submit=self.dice.choice([3, 10_000]),
        )
        self.store = Store(self.root)
        self.runs = [self.store.run(f"{place:016x}") for place in range(self.dice.randrange(1, 7))]
        for run in self.runs:
            run.path.mkdir(parents=True)
            write_json(run.cell, {"config": None})
        self.dead: set[str] = set()
        self._born: dict[Path, float] = {}

    def live(self) -> None:
        """Let it happen, then let the cluster calm down and the user come back."""
        with self._in_its_time():
            for _ in range(self.dice.randrange(1, MOST_COMMANDS)):
                self._command(calm=False)
                self._look()
            self.cluster.faults = 0.0
            for _ in range(CALM_COMMANDS):
                self.cluster.now = max(self.cluster.now, self.cluster.outage_until, self.cluster.accounts_until) + 1.0
                if self._command(calm=True):
                    break
            self._check_end()

    @contextmanager
    def _in_its_time(self) -> Iterator[None]:
        with (
            mock.patch.object(intent, "_age_s", self._age_s),
            mock.patch.object(intent, "_at_work", self._at_work),
        ):
            yield

    def _at_work(self, one: intent.Intent, called: bool, age_s: float) -> bool:
        """Whether the command that made an intent is the one that runs now."""
        return one.token not in self.dead

    def _age_s(self, path: Path) -> float:
        if not path.exists():
            return float("inf")
        return self.cluster.now - self._born.setdefault(path, self.cluster.now)

    def _tokens(self) -> set[str]:
        return {path.name for path in self.store.jobs.iterdir()} if self.store.jobs.is_dir() else set()

    def _watcher(self) -> Watcher:
        observer = Observer(self.cluster, cache=None, clock=lambda: self.cluster.now)
        return Watcher(self.store, observer, self.cluster.accounting)

    def _command(self, *, calm: bool) -> bool:
        """One `ablate`; True when all runs are settled."""
        self.commands += 1
        looks = 0
        deadly = 0.0 if calm else 0.03

        def scheduler(*words: str) -> CommandResult:
            if self.dice.random() < deadly:
                raise Killed
            said = self.cluster(*words)
            if self.dice.random() < (10 * deadly if words[0] == "sbatch" else deadly):
                raise Killed
            return said

        def pause(seconds: float) -> None:
            nonlocal looks
            self.cluster.step()
            self._check_truth()
            looks += 1
            if looks > PATIENCE or self.dice.random() < deadly:
                raise Killed

        watcher = self._watcher()
        watcher.observer.scheduler = scheduler
        launcher = OnSlurm(
            watcher=watcher,
            terms=JobSettings(
                store=self.store,
                study="imagined",
                launch=self.launch,
                code=self.root,
                threads=1,
                max_array=self.cluster.max_array,
            ),
            scheduler=scheduler,
            detach=not calm and self.dice.random() < 0.4,
            reset_budget=calm,
            pause=pause,
            clock=lambda: self.cluster.now,
        )
        self.dead = self._tokens()
        try:
            launcher.launch(self.runs, self._watch)
        except (Killed, LaunchError):
            return False
        finally:
            self.dead = self._tokens()
        return all(run.result.exists() for run in self.runs)

    def _watch(self, snapshot: Snapshot) -> None:
        """What a command shows."""

    def _look(self) -> None:
        """A read-only command: nothing of a run changes, two calls at most, and no live run is called over."""
        before, calls = self._files(), len(self.cluster.calls)
        views = self._watcher().look(self.runs)
        if self._files() != before:
            self.broken.append("R1: a look changed a run")
        if len(self.cluster.calls) - calls > 2:
            self.broken.append("R5: more than two calls for a look")
        for run, view in views.items():
            stands = self._current(run)
            if stands and view.verdict.standing is Standing.ENDED:
                self.broken.append(f"R1: {run.id} has a live job and is called {view.verdict}")

    def _files(self) -> list[tuple[str, bytes]]:
        return sorted((str(path), path.read_bytes()) for path in self.root.rglob("*") if path.is_file())

    def _current(self, run: RunFolder) -> list[str]:
        """Live jobs that the run's submission names."""
        submission = newest_submission(run)
        if submission is None:
            return []
        return [one.array for one in self.cluster.live_for(run) if one.name.endswith(f".{submission.token}")]

    def _check_truth(self) -> None:
        for run in self.runs:
            if len(self._current(run)) > 1:
                self.broken.append(f"R6: {run.id} has {len(self._current(run))} live jobs of one submission")
            self.duplicates += len(self.cluster.live_for(run)) > 1

    def _check_end(self) -> None:
        for run in self.runs:
            if not run.result.exists():
                self.broken.append(f"R7: {run.id} never finished")
            if self.cluster.started.get(run.id, 0) > 1:
                self.broken.append(f"R27: {run.id} was run {self.cluster.started[run.id]} times")
