"""One training step: every replica forward and backward, then one update (paper, Section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from torch import nn, optim

from an_cli.data import Purpose, torch_seed
from an_cli.train.task import Batch, StepKey, Task

Batches = Iterator[Batch]


class Step:
    """Runs the replicas of one process in turn: own BN statistics each, gradients averaged.

    With fewer devices than `recipe.replicas` this gives what the replicas would give side by side: each replica's batch
    is standardized with its own statistics, and the running statistics are replica 0's, as under
    DistributedDataParallel, which broadcasts rank 0's buffers before every step.
    """

    def __init__(self, model: nn.Module, optimizer: optim.SGD, task: Task, device: torch.device) -> None:
        self._model, self._optimizer, self._task, self._device = model, optimizer, task, device
        self._scale = task.config.recipe.loss_scale or 1.0

    def __call__(self, batches: Sequence[Batches], *, epoch: int, step: int, lr: float, first: int = 0) -> torch.Tensor:
        """Train one step.

        Args:
            batches: one iterator per replica of this process; each gives its next batch.
            epoch: from 0.
            step: step within the epoch, from 0.
            lr: learning rate of this step.
            first: number of this process's first replica.

        Returns:
            The mean loss over the replicas, detached, on the device.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        kept: list[torch.Tensor] = []
        for turn, source in enumerate(batches):
            batch, key = next(source), StepKey(epoch=epoch, step=step, replica=first + turn)
            with self._alone() if turn + 1 < len(batches) else nullcontext():
                total += self._backward(batch, key).double()
            if turn == 0 and len(batches) > 1:
                kept = [buffer.clone() for buffer in self._model.buffers()]
        for buffer, own in zip(self._model.buffers(), kept, strict=False):
            buffer.copy_(own)
        self._unscale(len(batches))
        self._optimizer.step()
        return total / len(batches)

    def _alone(self) -> AbstractContextManager[None]:
        """While gradients of this process only add up; the last replica's backward averages them over the ranks."""
        model = self._model
        if not isinstance(model, nn.parallel.DistributedDataParallel):
            return nullcontext()
        return cast("AbstractContextManager[None]", model.no_sync())

    def _backward(self, batch: Batch, key: StepKey) -> torch.Tensor:
        # What a network draws itself, such as dropout, is keyed like all other draws.
        seed = self._task.config.seed
        torch.manual_seed(
            torch_seed(seed, epoch=key.epoch, step=key.step, replica=key.replica, purpose=Purpose.DROPOUT)
        )
        loss = self._task.loss(self._model, batch, key, self._device)
        (loss * self._scale).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _unscale(self, replicas: int) -> None:
        divisor = self._scale * replicas
        if divisor != 1:
            for parameter in self._model.parameters():
                if parameter.grad is not None:
                    parameter.grad.div_(divisor)
