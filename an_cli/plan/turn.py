"""Whose turn it is to ask and tell: one process of all that search together, on any machine.

A turn is a claim (`store.claims`) on the search's own folder: taken by an atomic link, passed on when its holder is
known to be dead, and checked before every write, so that a process that stalls and wakes up writes nothing.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from an_cli.errors import StoreError
from an_cli.files import part_name
from an_cli.store import Claim, RunFolder, newest_claim, read_holder, take, this_process
from an_cli.store.endings import Ending

PATIENCE_S = 900.0  # longer than a holder that fell silent is waited for
_FIRST_S, _LONGEST_S = 0.002, 0.25


@dataclass(frozen=True)
class Turn:
    """The turn of one search.

    Attributes:
        folder: the search's, which holds its journal.
    """

    folder: Path
    patience_s: float = PATIENCE_S

    @contextmanager
    def taken(self) -> Iterator[Claim]:
        """Wait for the turn and hold it.

        Raises:
            StoreError: nobody has let it go for too long, or the folder cannot be written.
        """
        claim = self._wait()
        try:
            yield claim
        finally:
            _let_go(claim)

    def _wait(self) -> Claim:
        place, end, wait_s = RunFolder(self.folder), time.monotonic() + self.patience_s, _FIRST_S
        while (claim := take(place) or _own(place)) is None:
            if time.monotonic() > end:
                holder = read_holder(place)
                who = f"process {holder.pid} on {holder.host}" if holder else "somebody"
                raise StoreError(
                    f"{who} has held the search for {self.patience_s:.0f} s",
                    where=str(self.folder),
                    now="end it if it hangs; the others go on from there",
                )
            time.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(1.5 * wait_s, _LONGEST_S)
        return claim


def _own(place: RunFolder) -> Claim | None:
    """The claim that this process could not let go, because the disk was full then. A process has one search."""
    return Claim(place, newest_claim(place)) if read_holder(place) == this_process() else None


def _let_go(claim: Claim) -> None:
    """Release a claim without waiting for the disk: after a power cut no holder lives anyway."""
    path = claim.run.claims / str(claim.number)
    part = part_name(path)
    with suppress(OSError):  # a full disk: this process ends, or takes its next turn, which is known to be its own
        part.write_text(json.dumps(asdict(replace(this_process(), left=Ending.RELEASED))))
        os.replace(part, path)
