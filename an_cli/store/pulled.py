"""Runs that were made and measured elsewhere and logged to W&B: `pulled/wandb/ENTITY/PROJECT/ID.json`.

A table may quote one; it never takes the place of a run, because nothing here can check what made its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from an_cli.config import plain, read
from an_cli.errors import StoreError
from an_cli.files import cannot_write, read_json, write_json
from an_cli.store.folder import Store

UNVERIFIED = ("code", "data", "evaluation")  # of a run that was not made from a run folder of this store
_PART = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f]+")


@dataclass(frozen=True, kw_only=True)
class PulledRun:
    """One run as W&B held it when it was pulled.

    Attributes:
        imported_from: the service that it was logged to.
        run: ENTITY/PROJECT/ID there.
        values: measures by key, as its summary has them.
        best: the best value of each measure that it ever logged; without those whose history was not there.
        sources: measure -> the metric that it was read from, with what was done to it: "100 - val/acc1".
        params, macs: as its summary says, where it does.
        cell: id of the cell that its config describes, where it reads as one; empty: another program's run.
        unverified: what nothing here can check.
        doubts: sentences on what does not fit together.
        stamp: its state, heartbeat and rows: a pull that finds the same ones leaves the record alone.
    """

    imported_from: str
    run: str
    url: str
    name: str
    group: str
    tags: tuple[str, ...]
    state: str
    created_at: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    values: Mapping[str, float]
    best: Mapping[str, float]
    sources: Mapping[str, str]
    params: int | None
    macs: int | None
    cell: str
    unverified: tuple[str, ...]
    doubts: tuple[str, ...]
    stamp: tuple[str, ...]
    pulled_at: str
    host: str


def is_reference(text: str) -> bool:
    """Whether a text has the form ENTITY/PROJECT/ID."""
    parts = text.split("/")
    return len(parts) == 3 and all(map(_PART.fullmatch, parts))


def pulled_path(store: Store, reference: str) -> Path:
    """Where the record of a run is, or would be.

    Raises:
        StoreError: the reference is not ENTITY/PROJECT/ID.
    """
    if not is_reference(reference):
        raise StoreError(f"{reference!r} names no run of W&B", where="pulled", now="write ENTITY/PROJECT/ID")
    entity, project, name = reference.split("/")
    return store.pulled / "wandb" / entity / project / f"{name}.json"


def write_pulled(store: Store, pulled: PulledRun) -> None:
    """Write or replace the record of a run.

    Raises:
        StoreError: the store cannot be written.
    """
    path = pulled_path(store, pulled.run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    write_json(path, plain(pulled))


def read_pulled(store: Store, reference: str) -> PulledRun | None:
    """The record of a run; None where it was never pulled.

    Raises:
        StoreError: the record is damaged.
    """
    path = pulled_path(store, reference)
    if not path.exists():
        return None
    return read(PulledRun, read_json(path), where=str(path.relative_to(store.root)), error=StoreError)


def pulled_references(store: Store, project: str) -> Iterator[str]:
    """The runs of ENTITY/PROJECT that have a record, sorted."""
    folder = store.pulled / "wandb" / project
    for path in sorted(folder.glob("*.json")):
        yield f"{project}/{path.stem}"
