"""How many live jobs a full queue takes: learnt from what SLURM refuses, and tried beyond now and then.

A limit is met once, not again at every look; nobody says when it grows, so a little more is tried after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

AGAIN_EMPTY_S, AGAIN_S = 30.0, 600.0  # after so long more jobs are tried than were taken last


@dataclass
class QueueRoom:
    """What one command knows of the room in the queue.

    Attributes:
        clock: seconds since whenever.
        jobs: live jobs that a full queue holds; None while it has not been full.
    """

    clock: Callable[[], float] = time.monotonic
    jobs: int | None = None
    _seen_at: float = 0.0  # when it was full
    _refused_at: int | None = None  # live jobs when SLURM last refused one
    _probe: int = 1  # jobs beyond them to try next

    def is_worth_a_try(self, live: int) -> bool:
        """Whether anything may be taken now, with so many live jobs."""
        return self._refused_at is None or live < self._refused_at or self._may_have_grown(live)

    def allows(self, live: int) -> int | None:
        """How many jobs to submit now; None for any number."""
        if self.jobs is None:
            return None
        return max(self._probe if self._may_have_grown(live) else 0, self.jobs - live)

    def learn(self, live: int, *, refused: bool, full: bool) -> None:
        """Take in what came of a submission.

        Args:
            live: jobs now.
            refused: whether any run is without a job.
            full: whether SLURM refused one job too many.
        """
        self._refused_at = live if refused else None
        if full:
            self.jobs, self._seen_at, self._probe = live, self.clock(), 1
        elif not refused:
            self.jobs = None
        elif self.jobs is not None and live > self.jobs:
            self.jobs, self._probe = live, 2 * self._probe

    def _may_have_grown(self, live: int) -> bool:
        """Whether a full queue is worth another try: soon where nothing of this study is in it."""
        return self.jobs is not None and self.clock() - self._seen_at > (AGAIN_S if live else AGAIN_EMPTY_S)
