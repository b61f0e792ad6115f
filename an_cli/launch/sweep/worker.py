"""A worker of a search: ask, prepare, start the heavy door, tell; until the search is over or it is told to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from an_cli.config import LaunchConfig
from an_cli.errors import StoreError
from an_cli.launch.ask.door import Door
from an_cli.launch.here.crew import Snapshot
from an_cli.launch.here.machine import Here
from an_cli.launch.here.stops import Stops, listening
from an_cli.launch.here.warm import Kept
from an_cli.launch.prepare import prepare_folder
from an_cli.launch.sweep.owners import Beating, Owners, owner_value
from an_cli.plan.searching import Assignment, Later, Searching

DISK_PATIENCE_S = 900.0  # so long a disk that is full or away is tried again
AGAIN_S = 1.0
FIRST_LOOK_S, LONGEST_LOOK_S = 0.5, 10.0  # while others run what is left
log = logging.getLogger("an_cli.sweep")
Value = TypeVar("Value")


@dataclass
class SweepWorker:
    """One worker.

    Attributes:
        search: what it works for.
        settings: how runs are started, settled.
        door: how the heavy door is started.
        owners: judges the other workers; `owners.me` is this one.
        gpus: what CUDA_VISIBLE_DEVICES is for its runs; empty: as it is.
        launch: starts runs and follows them to their ends; None: on this machine, through one warm worker.
        tell: says what it does.
    """

    search: Searching
    settings: LaunchConfig
    door: Door
    owners: Owners
    gpus: tuple[str, ...] = ()
    launch: Callable[[Assignment], Snapshot] | None = None
    tell: Callable[[str], None] = lambda text: None
    pause: Callable[[float], None] = time.sleep
    wanted: Callable[[], bool] = lambda: True  # whether whoever started it still lives
    made: int = 0
    _kept: Kept = field(default_factory=Kept)

    def run(self) -> bool:
        """Work until the search is over; False when told to stop before.

        Raises:
            AnError: the store or Optuna's storage cannot be used.
        """
        try:
            with listening() as stops, Beating(self.search.folder, self.owners.me):
                return self._work(stops)
        finally:
            self._kept.close()

    def _work(self, stops: Stops) -> bool:
        me, wait_s = owner_value(self.owners.me), FIRST_LOOK_S
        while not stops.count and self.wanted():
            task = self._patiently(lambda: self.search.take(me, self.owners.gone))
            if task is None:
                return True
            if isinstance(task, Later):
                self.pause(wait_s)
                wait_s = min(1.5 * wait_s, LONGEST_LOOK_S)
                continue
            wait_s = FIRST_LOOK_S
            if not self._trial(task, stops):
                return False
        return False

    def _trial(self, task: Assignment | None, stops: Stops) -> bool:
        """A trial's stages, one after the other, as long as it goes on here; False when told to stop."""
        me = owner_value(self.owners.me)
        while task is not None:
            end = self._start(task)
            self.made += 1
            if stops.count or end.stopping:
                self._patiently(partial(self.search.let_go, task, me))
                return False
            task = self._patiently(partial(self.search.tell, task, me))
        return True

    def _start(self, task: Assignment) -> Snapshot:
        until = f", to epoch {task.until}" if task.until else ""
        self.tell(f"trial {task.number}: {', '.join(cell.id for cell in task.cells)}{until}")
        self._patiently(lambda: self._prepare(task))
        return self.launch(task) if self.launch is not None else self._here(task)

    def _prepare(self, task: Assignment) -> None:
        store = self.search.store
        for cell in task.cells:
            run = prepare_folder(cell.config, cell.choices, store)
            store.link(self.search.folder.name, cell.label, run)

    def _here(self, task: Assignment) -> Snapshot:
        store = self.search.store
        settings = replace(self.settings, stop_after_epochs=task.until)
        place = Here(store, settings, self.door, at_once=1, gpus=self.gpus, kept=self._kept)
        return place.launch([store.run(cell.id) for cell in task.cells], lambda snapshot: None)

    def _patiently(self, step: Callable[[], Value]) -> Value:
        """Try again while a disk is full or away: every step can be given again, and what was done stays done."""
        end = time.monotonic() + DISK_PATIENCE_S
        while True:
            try:
                return step()
            except StoreError as error:
                if time.monotonic() > end:
                    raise
                log.warning("%s; again in %g s", error, AGAIN_S)
                self.pause(AGAIN_S)
