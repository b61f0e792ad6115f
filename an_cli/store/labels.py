"""Names of runs: the links `studies/<study>/<label>`."""

from __future__ import annotations

import os
from pathlib import Path

from an_cli.files import subfolders
from an_cli.store.folder import Store


def links(store: Store) -> dict[str, str]:
    """ "STUDY/LABEL" -> run id, for every link of the store."""
    found = {}
    for study in subfolders(store.studies):
        with os.scandir(store.studies / study) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_symlink():
                    found[f"{study}/{entry.name}"] = Path(os.readlink(entry.path)).name
    return found


def labels_of(store: Store) -> dict[str, list[str]]:
    """Run id -> the links that point to it."""
    found: dict[str, list[str]] = {}
    for link, run_id in links(store).items():
        found.setdefault(run_id, []).append(link)
    return found
