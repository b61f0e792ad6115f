"""Training state on disk: written whole, named by step and digest, two generations.

The digest is part of the file name, so a file that was cut or changed is recognized before it is read, and the one
before it is taken. `torch.load` opens these files as they are.
"""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from an_cli.errors import StoreError
from an_cli.store import RunFolder, RunWriter

_NAME = re.compile(r"^(?P<kind>step|best|imported)-(?P<number>\d{9})-(?P<digest>[0-9a-f]{16})\.pt$")
GENERATIONS = 2
log = logging.getLogger("an_cli.train")


@dataclass(frozen=True)
class Saved:
    """A checkpoint file: its kind, step (or epoch, for the best weights; 0 for imported ones) and digest."""

    path: Path
    kind: str
    number: int
    digest: str


def save(writer: RunWriter, kind: str, number: int, state: Mapping[str, Any]) -> Path:
    """Write a state and remove the generations that it makes superfluous.

    Args:
        writer: the attempt's pen.
        kind: "step" (a whole training state), "best" (weights of the best epoch) or "imported" (trained elsewhere).
        number: step or epoch; 0 for imported weights.
        state: tensors and plain values only.

    Raises:
        StoreError: the file could not be written; the earlier ones stand.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    raw = buffer.getvalue()
    path = writer.run.checkpoints / f"{kind}-{number:09d}-{hashlib.sha256(raw).hexdigest()[:16]}.pt"
    writer.file(path, raw)
    return path


def prune(writer: RunWriter, *, step: int, generations: int = GENERATIONS) -> None:
    """Keep the newest training states up to a step and the newest best weights, so many of each.

    A state of a later step than this attempt has reached is one that an overtaken attempt has left: it goes.

    Two of each are enough: between two states there is one evaluation at most, so the state before the newest names the
    best weights before the newest at the earliest.
    """
    writer.claim.check()
    states = saved_states(writer.run, "step")
    late = [saved for saved in states if saved.number > step]
    for old in (*late, *states[len(late) + generations :], *saved_states(writer.run, "best")[generations:]):
        old.path.unlink(missing_ok=True)
    for part in writer.run.checkpoints.glob(".*.part"):
        part.unlink(missing_ok=True)


def rewind(writer: RunWriter, *, step: int, best_epoch: int) -> None:
    """Remove what lies after the state that training continues from: damaged states, and weights of later epochs."""
    writer.claim.check()
    late = [saved for saved in saved_states(writer.run, "step") if saved.number > step]
    late += [saved for saved in saved_states(writer.run, "best") if saved.number > best_epoch]
    for saved in late:
        saved.path.unlink(missing_ok=True)


def saved_states(run: RunFolder, kind: str) -> list[Saved]:
    """Checkpoint files of a kind, newest first."""
    if not run.checkpoints.is_dir():
        return []
    matches = [(path, _NAME.match(path.name)) for path in run.checkpoints.iterdir()]
    saved = [Saved(path, m["kind"], int(m["number"]), m["digest"]) for path, m in matches if m and m["kind"] == kind]
    return sorted(saved, key=lambda item: item.number, reverse=True)


def load_newest(run: RunFolder) -> dict[str, Any] | None:
    """The newest whole training state; None when there is none to continue from.

    A damaged file is passed over with a warning.
    """
    for saved in saved_states(run, "step"):
        state = _read(saved)
        if state is not None:
            return state
    return None


def load_weights(run: RunFolder, kind: str) -> tuple[dict[str, Any], int] | None:
    """The newest whole weights of a kind, by name, and their step or epoch; None when there are none."""
    for saved in saved_states(run, kind):
        state = _read(saved)
        if state is not None:
            return dict(state["model"]), saved.number
    return None


def load_best(run: RunFolder, epoch: int) -> dict[str, Any]:
    """Weights of the best epoch.

    Raises:
        StoreError: they are missing or damaged.
    """
    for saved in saved_states(run, "best"):
        state = _read(saved) if saved.number == epoch else None
        if state is not None:
            return state
    raise StoreError("no readable weights of the best epoch", where=str(run.checkpoints), now="run the cell again")


def _read(saved: Saved) -> dict[str, Any] | None:
    try:
        raw = saved.path.read_bytes()
    except OSError as error:
        log.warning("cannot read %s: %s", saved.path.name, error.strerror)
        return None
    if hashlib.sha256(raw).hexdigest()[:16] != saved.digest:
        log.warning("%s is damaged (its digest differs); taking the one before it", saved.path.name)
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    return state
