"""The processes that train one run together: who this one is, and what it says to the others.

Ranks find each other through the variables that torchrun sets too: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR,
MASTER_PORT. The rank that leads (0) holds the claim and writes; the others compute.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import PrefixStore, TCPStore  # torch.distributed re-exports them without saying so

from an_cli.errors import LaunchError

Value = TypeVar("Value")
PATIENCE = timedelta(minutes=30)  # the leader alone reads a large evaluation set while the others wait
LISTENING = "AN_CLI_LISTENING_FD"  # a socket that is bound already, so that no other process can take the port
_ERROR = "error"


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
        found = torch.tensor([value])
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return int(found)

    def said_by_leader(self, value: Value) -> Value:
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

    def tell_error(self, message: str) -> None:
        """Leave word for the leader why this rank fails."""
        if self.store is not None:
            self.store.set(_ERROR, message)

    def told_error(self) -> str | None:
        """Why another rank failed, if one said so."""
        if self.store is None or not self.store.check([_ERROR]):
            return None
        return str(self.store.get(_ERROR).decode())


ALONE = World()


def join() -> World:
    """Meet the other ranks that the environment speaks of; alone where it speaks of none.

    Raises:
        LaunchError: they cannot be met.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    rank, listening = int(os.environ["RANK"]), os.environ.get(LISTENING)
    try:
        store = TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            size,
            is_master=rank == 0,
            timeout=PATIENCE,
            master_listen_fd=int(listening) if listening and rank == 0 else None,
        )
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=PrefixStore("group", store), rank=rank, world_size=size)
    except (RuntimeError, ValueError, dist.DistError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise LaunchError(
            f"rank {rank} cannot meet the others: {error}", where=place, now="start the run again"
        ) from error
    return World(rank, size, int(os.environ.get("LOCAL_RANK", rank)), store)


def lost_a_rank(error: BaseException) -> bool:
    """Whether an error says that another rank is gone, rather than that something is wrong here."""
    text = str(error)
    gone = isinstance(error, dist.DistError) or any(
        word in text for word in ("gloo", "Connection closed", "Connection reset", "Broken pipe")
    )
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return together and isinstance(error, RuntimeError) and gone


def leave(world: World) -> None:
    """Part from the other ranks."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()
