"""How an attempt ended: the word that its claim keeps, and the exit status of its process. Both wings share them."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Ending(StrEnum):
    """Why the holder of a claim let it go. More words may follow on disk, as in "stopped by signal 15"."""

    RELEASED = "released"
    FINISHED = "finished"
    FAILED = "failed"  # `error.txt` says why
    STOPPED = "stopped"  # by a signal; the state is saved
    PAUSED = "paused"  # at the end of an epoch that its launch names; the state is saved
    FENCED = "fenced"  # a newer attempt owns the run
    LOST_A_RANK = "lost a rank"
    STRIPPED = "stripped"  # by gc, which keeps the weights alone
    PUT_AWAY = "put away"  # by archive

    @classmethod
    def of(cls, text: str) -> Ending | None:
        """The ending that a claim's text begins with; None for a claim that is held, or text of another version."""
        return next((ending for ending in cls if text == ending or text.startswith(f"{ending} ")), None)


class Exit(IntEnum):
    """Exit statuses of an attempt besides 0, 1 and 128 + signal."""

    BUSY = 75  # another attempt holds the run, or it is finished
    PAUSED = 77  # as its launch says, at the end of an epoch
    LOST = 76  # another rank is gone; who started the ranks knows why
