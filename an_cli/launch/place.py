"""Where runs are made: this machine, or a cluster; both are proven by one contract (`tests/launch/place_contract`).

A place is asked where runs stand, then given those that are wanted; it says how a run is started (`job.json`) for
what it starts, and for nothing else. What another place has, it leaves alone and awaits, or leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from an_cli.launch.here.crew import Snapshot
from an_cli.launch.standing import RunStanding
from an_cli.store import RunFolder

Watch = Callable[[Snapshot], None]


class Place(Protocol):
    """Makes runs whose folders are prepared. It may end at any time; the same call goes on from what is there."""

    def look(self, runs: Sequence[RunFolder]) -> Mapping[RunFolder, RunStanding]:
        """Where runs stand, by the disk and by every scheduler that this machine can ask. Changes nothing."""

    def launch(self, runs: Sequence[RunFolder], watch: Watch) -> Snapshot:
        """Start what can start, in the order given, and follow to the end, or as far as this place stays.

        A run whose needs have not finished is not started; one whose needs failed fails with that reason.

        Args:
            runs: prepared folders.
            watch: called now and then with how things stand.

        Raises:
            LaunchError: nothing can be started at all.
        """
