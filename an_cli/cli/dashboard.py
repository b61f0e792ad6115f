"""What `dashboard` does: read the store, write the page or serve it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from an_cli.cli.answers import status_values, with_jobs
from an_cli.cli.study import open_store, say
from an_cli.errors import StoreError
from an_cli.files import cannot_write, write_atomic
from an_cli.report.page import Reader, RunWord, make_page, serve, snapshot
from an_cli.store import Store


def write_page(path: Path, out: Path | None) -> Path:
    """Write the page of a store.

    Returns:
        The file.
    """
    store = _existing(path)
    place = (out.expanduser() if out else store.root / "dashboard.html").absolute()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    runs_at = os.path.relpath(store.runs, place.parent)
    write_atomic(place, make_page(snapshot(_reader(store), say=say), at=_now(), runs_at=runs_at))
    return place


def serve_page(path: Path, port: int) -> None:
    """Serve the page of a store until Ctrl-C."""
    serve(_reader(_existing(path)), port, _now, say)


def _reader(store: Store) -> Reader:
    """Runs in the words of `status`, the scheduler's among them."""

    def states(ids: Sequence[str]) -> dict[str, RunWord]:
        values = with_jobs(store, status_values(store, {}, ids))
        return {value["id"]: RunWord(value["status"], value["error"]) for value in values}

    return Reader(store, states)


def _existing(path: Path) -> Store:
    store = open_store(path)
    if not store.runs.is_dir():
        raise StoreError("no runs there", where=str(store.root), now="name the folder that holds runs/ with --store")
    return store


def _now() -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
