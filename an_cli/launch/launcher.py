"""What can bring runs to their ends: this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from an_cli.launch.ask.door import Door
from an_cli.launch.here.crew import Snapshot, run_cells
from an_cli.store import RunFolder

Watch = Callable[[Snapshot], None]


class Launcher(Protocol):
    """Starts prepared runs and follows them."""

    def launch(self, runs: Sequence[RunFolder], watch: Watch) -> Snapshot:
        """Bring runs to their ends, or as far as this launcher stays with them.

        Args:
            runs: prepared folders, in the order wanted.
            watch: called now and then with how things stand.
        """


@dataclass(frozen=True)
class Here:
    """This machine: through one warm worker, so many at once."""

    door: Door
    at_once: int

    def launch(self, runs: Sequence[RunFolder], watch: Watch) -> Snapshot:
        """See `run_cells`."""
        return run_cells(runs, door=self.door, at_once=self.at_once, watch=watch)
