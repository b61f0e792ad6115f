"""What `dashboard` does: read the store, write the page or serve it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from an_cli.cli.asked import open_store, say
from an_cli.errors import StoreError
from an_cli.files import cannot_write, write_atomic
from an_cli.report.page import Reader, make_page, serve, snapshot
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
    write_atomic(place, make_page(snapshot(Reader(store), say=say), at=_now(), runs_at=runs_at))
    return place


def serve_page(path: Path, port: int) -> None:
    """Serve the page of a store until Ctrl-C."""
    serve(Reader(_existing(path)), port, _now, say)


def _existing(path: Path) -> Store:
    store = open_store(path)
    if not store.runs.is_dir():
        raise StoreError("no runs there", where=str(store.root), now="name the folder that holds runs/ with --store")
    return store


def _now() -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
