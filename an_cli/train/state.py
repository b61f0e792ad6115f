"""All that training carries from one step to the next, and how it goes to disk and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn, optim

from an_cli.config import plain, read
from an_cli.errors import StoreError
from an_cli.store import Evaluation
from an_cli.train.task import Evaluated


@dataclass
class TrainState:
    """Where training stands. The one mutable value of this room.

    Attributes:
        step: steps done.
        loss_sum: sum of the losses of this epoch's steps so far.
        best: evaluation of the best epoch so far, with its per-sample evidence.
        last: evaluation of the newest epoch, with its per-sample evidence.
        elapsed_s: time spent training, over all attempts.
    """

    model: nn.Module
    optimizer: optim.SGD
    step: int
    loss_sum: float
    best: Evaluated | None
    last: Evaluated | None
    elapsed_s: float

    def to_disk(self) -> dict[str, Any]:
        """Plain values and tensors, readable with `torch.load(weights_only=True)`."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss_sum": self.loss_sum,
            "best": _plain(self.best),
            "last": _plain(self.last),
            "elapsed_s": self.elapsed_s,
        }

    def from_disk(self, saved: dict[str, Any], *, where: str) -> None:
        """Take over a saved state.

        Raises:
            StoreError: the state belongs to another network.
        """
        try:
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step = saved["step"]
            self.loss_sum = saved["loss_sum"]
            self.best, self.last = _evaluated(saved["best"]), _evaluated(saved["last"])
            self.elapsed_s = saved["elapsed_s"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            if "optimizer" not in saved:
                raise StoreError(
                    "an-cli gc --strip has left the weights of this run alone, and they cannot be trained further",
                    where=where,
                    now="remove the run folder to start it again",
                ) from error
            raise StoreError(
                f"the checkpoint does not fit this code: {str(error).splitlines()[0]}",
                where=where,
                now="remove the run folder to start it again, or go back to the code that made it",
            ) from error


def _plain(evaluated: Evaluated | None) -> dict[str, Any] | None:
    if evaluated is None:
        return None
    planes = {name: torch.frombuffer(bytearray(plane), dtype=torch.uint8) for name, plane in evaluated.planes.items()}
    return {"evaluation": plain(evaluated.evaluation), **planes}


def _evaluated(saved: dict[str, Any] | None) -> Evaluated | None:
    if saved is None:
        return None
    evaluation = read(Evaluation, saved["evaluation"], error=StoreError)
    planes = {name: bytes(plane.tolist()) for name, plane in saved.items() if name != "evaluation"}
    return Evaluated(evaluation, planes)
