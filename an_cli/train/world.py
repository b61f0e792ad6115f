"""The processes that train one run together: who this one is, and what it says to the others.

Only processes that an-cli has started are ranks: each is given its `Seat`. RANK, WORLD_SIZE and the like in the
environment are those of whoever started an-cli, a pod or a notebook, and are not read. The rank that leads (0) holds
the claim and writes; the others compute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import PrefixStore, TCPStore  # torch.distributed re-exports them without saying so

from an_cli.environment import printable, text_of
from an_cli.errors import LaunchError
from an_cli.train.signals import Interrupted

Value = TypeVar("Value")
PATIENCE = timedelta(minutes=30)  # the leader alone reads a large evaluation set while the others wait
_TRY = timedelta(seconds=2)  # one attempt at reaching the leader, after which a stop signal is looked for
_LOOK_S = 0.05
_ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Seat:
    """The place of a process among the ranks of one run, given by whoever started them.

    Attributes:
        rank: this process, from 0.
        size: processes in all.
        local_rank: this process among those on this machine.
        address: where the leader listens.
        port: on which port.
        listening: for the leader, a socket that is bound already, so that no other process can take the port.
    """

    rank: int
    size: int
    local_rank: int
    address: str
    port: int
    listening: int | None = None


@dataclass(frozen=True)
class World:
    """The ranks of one run, seen from one of them.

    Attributes:
        rank: this process, from 0.
        size: processes in all.
        local_rank: this process among those on this machine; it takes the GPU of that number.
        store: where ranks leave each other words; None when there is only one.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    store: TCPStore | None = None

    @property
    def leads(self) -> bool:
        """Whether this rank writes."""
        return self.rank == 0

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model as the ranks train it together: gradients averaged, buffers those of rank 0."""
        if self.size == 1:
            return model
        return nn.parallel.DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def share_buffers(self, model: nn.Module) -> None:
        """Give every rank the leader's running statistics, which an evaluation is about to use."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Mean over the ranks, element by element."""
        if self.size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.size

    def largest(self, value: int) -> int:
        """The largest of the ranks' numbers."""
        if self.size == 1:
            return value
        largest = torch.tensor([value])
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)

    def broadcast(self, value: Value) -> Value:
        """The leader's value, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def concat(self, part: torch.Tensor) -> torch.Tensor:
        """All ranks' parts one after the other, on every rank; parts may differ in length."""
        if self.size == 1:
            return part
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, part)
        return torch.cat(parts)

    def mine(self, items: Sequence[Value]) -> Sequence[Value]:
        """This rank's contiguous share of some items, which must divide evenly.

        Raises:
            LaunchError: they do not.
        """
        if len(items) % self.size:
            raise LaunchError(
                f"{len(items)} replicas on {self.size} processes",
                where="launch.ranks",
                now=f"give a number of processes that divides recipe.replicas={len(items)}",
            )
        share = len(items) // self.size
        return items[self.rank * share : (self.rank + 1) * share]

    def report_error(self, message: str) -> None:
        """Leave word for the leader why this rank fails."""
        if self.store is not None:
            self.store.set(_ERROR, printable(message))

    def reported_error(self) -> str | None:
        """Why another rank failed, if one said so."""
        if self.store is None or not self.store.check([_ERROR]):
            return None
        return str(self.store.get(_ERROR).decode(errors="replace"))


ALONE = World()


def join(seat: Seat | None, stopped: Callable[[], int | None] = lambda: None) -> World:
    """Meet the other ranks; alone where there are none.

    Args:
        seat: this process's place among them; None for a process that trains alone.
        stopped: the signal that told this process to stop, if any; looked at while it waits.

    Raises:
        LaunchError: they cannot be met.
        Interrupted: told to stop while waiting.
    """
    if seat is None or seat.size == 1:
        return ALONE
    try:
        store = _meet(seat, stopped)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=PrefixStore("group", store), rank=seat.rank, world_size=seat.size)
    except (RuntimeError, ValueError, dist.DistError) as error:
        raise LaunchError(
            f"rank {seat.rank} cannot meet the others: {error}",
            where=f"{seat.address}:{seat.port}",
            now="start the run again",
        ) from error
    return World(seat.rank, seat.size, seat.local_rank, store)


def _meet(seat: Seat, stopped: Callable[[], int | None]) -> TCPStore:
    """The ranks' common store, once all of them are there. The waits are short: torch's own hear no signal."""
    end = time.monotonic() + PATIENCE.total_seconds()
    store = None
    while store is None:
        try:
            store = TCPStore(
                seat.address,
                seat.port,
                seat.size,
                is_master=seat.rank == 0,
                timeout=_TRY,
                wait_for_workers=False,
                master_listen_fd=seat.listening,
            )
        except (RuntimeError, dist.DistError):
            if seat.rank == 0 or time.monotonic() > end:
                raise
            _obey(stopped)
    store.set_timeout(PATIENCE)
    store.set(f"here/{seat.rank}", "")
    while not store.check([f"here/{rank}" for rank in range(seat.size)]):
        if time.monotonic() > end:
            raise RuntimeError(f"not all of {seat.size} ranks came within {PATIENCE}")
        _obey(stopped)
        time.sleep(_LOOK_S)
    return store


def _obey(stopped: Callable[[], int | None]) -> None:
    number = stopped()
    if number is not None:
        raise Interrupted(number)


def lost_a_rank(error: BaseException, size: int) -> bool:
    """Whether an error says that another rank is gone, rather than that something is wrong here.

    Args:
        error: what was raised.
        size: how many ranks there are.
    """
    text = text_of(error)
    gone = isinstance(error, dist.DistError) or any(
        word in text for word in ("gloo", "Connection closed", "Connection reset", "Broken pipe")
    )
    return size > 1 and isinstance(error, RuntimeError) and gone


def leave(world: World) -> None:
    """Part from the other ranks."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()
