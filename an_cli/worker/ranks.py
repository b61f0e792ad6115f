"""Several processes for one run, on this machine: started together, stopped together.

They are all of a run's ranks, or those of one of its nodes (see `nodes`).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from an_cli.train import Seat
from an_cli.train.signals import heeded
from an_cli.worker.child import die_with_parent, fork

GRACE_S = 10.0  # between the first rank's end and the kill of those that still wait for it
log = logging.getLogger("an_cli.worker")


@dataclass(frozen=True)
class Meeting:
    """Where the ranks of several nodes meet.

    Attributes:
        address: of the first node.
        port: on which rank 0 listens.
        first: number of the first rank of this node.
        size: ranks on all nodes.
    """

    address: str
    port: int
    first: int
    size: int


def supervise(ranks: int, work: Callable[[Seat], int], meeting: Meeting | None = None) -> int:
    """Fork so many ranks and see them to their ends.

    Args:
        ranks: how many on this machine.
        work: what each does with its place among the ranks; returns its exit status.
        meeting: where they meet those of other machines; None where there are no others.

    Returns:
        0 when all ended with 0; otherwise the status of the one that ended first, 128 + signal where it was killed.
    """
    if meeting is not None:
        children = {_fork(rank, meeting, None, work): rank for rank in range(ranks)}
    else:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address, port = listening.getsockname()
            here = Meeting(address, port, first=0, size=ranks)
            children = {_fork(rank, here, listening.fileno(), work): rank for rank in range(ranks)}
    for number in heeded():
        signal.signal(number, lambda number, frame: _send(children, number))
    first, deadline = 0, float("inf")
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            if time.monotonic() > deadline:
                _send(children, signal.SIGKILL)
            time.sleep(0.05)
            continue
        code = os.waitstatus_to_exitcode(status)
        rank = children.pop(pid)
        if code and not first:
            log.info("rank %d ended with %d", rank, code)
            first = code if code > 0 else 128 - code
            # One that was killed leaves nothing to wait for: the others must not take its loss for a failure.
            deadline = time.monotonic() + (0.0 if code < 0 else GRACE_S)
    return first


def _fork(local: int, meeting: Meeting, listening: int | None, work: Callable[[Seat], int]) -> int:
    seat = Seat(
        rank=meeting.first + local,
        size=meeting.size,
        local_rank=local,
        address=meeting.address,
        port=meeting.port,
        listening=listening if local == 0 else None,
    )

    def be_a_rank() -> int:
        die_with_parent(signal.SIGKILL)
        return work(seat)

    return fork(be_a_rank)


def _send(children: dict[int, int], number: int) -> None:
    for pid in list(children):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
