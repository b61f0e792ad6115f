"""This machine as a place: one warm worker, so many runs at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from an_cli.config import LaunchConfig
from an_cli.launch.ask.door import Door
from an_cli.launch.here.crew import Snapshot, run_cells
from an_cli.launch.prepare import write_job
from an_cli.launch.standing import RunStanding, look
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
    """

    store: Store
    settings: LaunchConfig
    door: Door
    at_once: int
    gpus: tuple[str, ...] = ()
    needs: Mapping[RunFolder, Sequence[RunFolder]] = field(default_factory=dict)

    def look(self, runs: Sequence[RunFolder]) -> Mapping[RunFolder, RunStanding]:
        """See `Place.look`."""
        return look(self.store, runs)

    def launch(self, runs: Sequence[RunFolder], watch: Callable[[Snapshot], None]) -> Snapshot:
        """See `Place.launch` and `run_cells`."""
        return run_cells(
            runs,
            door=self.door,
            at_once=self.at_once,
            gpus=self.gpus,
            needs=self.needs,
            take=lambda run: write_job(run, self.settings, on="local"),
            watch=watch,
        )
