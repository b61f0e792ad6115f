"""This machine: as a place that makes many runs, and as the terminal that one run is followed on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from an_cli.config import LaunchConfig
from an_cli.launch.ask.door import Door
from an_cli.launch.here.crew import Snapshot, run_cells
from an_cli.launch.here.stops import listening
from an_cli.launch.here.warm import Kept
from an_cli.launch.prepare import write_job
from an_cli.launch.standing import RunStanding, look
from an_cli.mirror import Mirror
from an_cli.store import RunFolder, Store


@dataclass(frozen=True)
class Here:
    """This machine.

    Attributes:
        settings: how runs are started, settled: what `job.json` says of those that start here.
        door: how the worker is started.
        at_once: most runs at a time.
        gpus: what CUDA_VISIBLE_DEVICES is for each place.
        needs: run -> runs that must have finished before it starts.
        kept: where the worker is left between calls; None: each call has its own.
    """

    store: Store
    settings: LaunchConfig
    door: Door
    at_once: int
    gpus: tuple[str, ...] = ()
    needs: Mapping[RunFolder, Sequence[RunFolder]] = field(default_factory=dict)
    kept: Kept | None = None

    def look(self, runs: Sequence[RunFolder]) -> Mapping[RunFolder, RunStanding]:
        """See `Place.look`."""
        return look(self.store, runs)

    def launch(self, runs: Sequence[RunFolder], watch: Callable[[Snapshot], None]) -> Snapshot:
        """See `Place.launch` and `run_cells`."""
        mirror = Mirror(self.store.mirror_log)

        def take(run: RunFolder) -> None:
            write_job(run, self.settings, on="local")
            mirror.follow(run, self.settings)

        try:
            return run_cells(
                runs,
                door=self.door,
                at_once=self.at_once,
                gpus=self.gpus,
                needs=self.needs,
                take=take,
                watch=watch,
                kept=self.kept,
            )
        finally:
            mirror.close()


_LOOK_S = 0.2


def run_foreground(run: RunFolder, door: Door, launch: LaunchConfig) -> int:
    """Make one attempt at a prepared run, mirrored as its settings say, and wait for it.

    Returns:
        Its exit status: 0 finished, 1 failed, 75 held by another attempt, 130 told to stop (the first signal lets it
        save, a second one ends it).
    """
    mirror = Mirror(Store(run.path.parent.parent).mirror_log)
    mirror.follow(run, launch)
    try:
        return _run_to_end(run, door)
    finally:
        mirror.close()


def _run_to_end(run: RunFolder, door: Door) -> int:
    with listening() as stops:
        process = door.start("run", str(run.path))
        heard = 0
        while True:
            try:
                status = process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                if stops.count > heard:
                    process.send_signal(signal.SIGTERM if stops.count == 1 else signal.SIGKILL)
                    heard = stops.count
                continue
            return 130 if stops.count and status != 0 else status
