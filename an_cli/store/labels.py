"""Names of runs: the links `studies/<study>/<label>`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from an_cli.config import cell_id
from an_cli.errors import AnError
from an_cli.files import subfolders
from an_cli.store.folder import RunFolder, Store
from an_cli.store.reading import read_config


def links(store: Store) -> dict[str, str]:
    """ "STUDY/LABEL" -> run id, for every link of the store."""
    by_name = {}
    for study in subfolders(store.studies):
        with os.scandir(store.studies / study) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_symlink():
                    by_name[f"{study}/{entry.name}"] = Path(os.readlink(entry.path)).name
                elif entry.is_dir() and (run_id := _copied(Path(entry.path))):
                    by_name[f"{study}/{entry.name}"] = run_id
    return by_name


def _copied(folder: Path) -> str:
    """The id of a run whose link was followed by whoever copied the store."""
    try:
        return cell_id(read_config(RunFolder(folder)))
    except AnError:
        return ""


def first_label(labels: Iterable[str]) -> str:
    """The name that a run goes by of several: that of a study before those of its variants: "a/x" before "a+1b/x"."""
    return min(labels, key=lambda label: label.partition("/"))


def labels_of(store: Store) -> dict[str, list[str]]:
    """Run id -> the links that point to it."""
    by_run: dict[str, list[str]] = {}
    for link, run_id in links(store).items():
        by_run.setdefault(run_id, []).append(link)
    return by_run
