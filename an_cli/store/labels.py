"""Names of runs: the links `studies/<study>/<label>`."""

from __future__ import annotations

import os
from collections.abc import Callable
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


def labels_of(store: Store) -> dict[str, list[str]]:
    """Run id -> the links that point to it; the first is the name that the run goes by, wherever it is shown.

    That is the name in the study that defined the run first, by the age of the link, and one of a study before those of
    studies launched with overrides.
    """
    by_run: dict[str, list[str]] = {}
    for link, run_id in links(store).items():
        by_run.setdefault(run_id, []).append(link)
    return {run_id: own if len(own) == 1 else sorted(own, key=_rank(store)) for run_id, own in by_run.items()}


def _rank(store: Store) -> Callable[[str], tuple[bool, float, str, str]]:
    def rank(label: str) -> tuple[bool, float, str, str]:
        study, _, name = label.partition("/")
        try:
            made = os.lstat(store.studies / label).st_mtime
        except OSError:  # removed since it was listed
            made = float("inf")
        return "+" in study, made, study, name

    return rank
