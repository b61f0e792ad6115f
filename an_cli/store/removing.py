"""Putting runs away, bringing them back, removing them: whole folders, renamed in one step.

A run is taken by a claim first, as an attempt takes it, so that nothing is moved under a process that writes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from an_cli.errors import StoreError
from an_cli.files import cannot_write, read_json_lines, subfolders
from an_cli.store.claims import Claim, take
from an_cli.store.endings import Ending
from an_cli.store.folder import RunFolder, Store
from an_cli.store.labels import labels_of
from an_cli.store.remarks import remark, run_file
from an_cli.store.study_rows import forget_study_rows

_ID = re.compile(r'"([0-9a-f]{16})"')


@dataclass(frozen=True, kw_only=True)
class Cited:
    """What names a run: links of studies, and tables written under reports/build/."""

    labels: tuple[str, ...]
    tables: tuple[str, ...]


def citations(store: Store, runs: Iterable[RunFolder]) -> dict[RunFolder, Cited]:
    """What names each of the runs."""
    labels = labels_of(store)
    named = {path: set(_ID.findall(path.read_text(errors="replace"))) for path in sorted(store.reports.glob("*.json"))}
    return {
        run: Cited(
            labels=tuple(sorted(labels.get(run.id, []))),
            tables=tuple(str(path.relative_to(store.root)) for path, ids in named.items() if run.id in ids),
        )
        for run in runs
    }


def archived_ids(store: Store) -> list[str]:
    """Ids of the runs that were put away."""
    return list(subfolders(store.archived))


def archived_labels(store: Store, run_id: str) -> tuple[str, ...]:
    """The labels that a run had when it was put away."""
    with suppress(StoreError):
        for line in reversed(read_json_lines(run_file(store, run_id))[0]):
            if isinstance(line.get("archived"), list):
                return tuple(str(label) for label in line["archived"])
    return ()


def archive(store: Store, run: RunFolder, labels: Sequence[str]) -> str:
    """Put a run away, with its labels (`citations`); what hinders it, or nothing.

    Raises:
        StoreError: the store cannot be written.
    """
    target = store.archived / run.id
    if target.exists():
        return "another run of this id is archived: an-cli archive --back or an-cli rm --archived it first"
    claim = take(run)
    if claim is None:
        return "another process holds it"
    remark(run_file(store, run.id), archived=list(labels))  # before the move: labels are not lost by a crash in between
    _move(run, target, claim)
    _unlink(store, labels)
    return ""


def bring_back(store: Store, run_id: str) -> str:
    """Put an archived run in its place, under the labels that it had; what hinders it, or nothing.

    Raises:
        StoreError: the store cannot be written.
    """
    run = store.run(run_id)
    if run.path.exists():
        return "the cell has been run anew"
    _rename(store.archived / run_id, run.path)
    for label in archived_labels(store, run_id):
        study, _, name = label.partition("/")
        if not (store.studies / study / name).is_symlink():
            store.link(study, name, run)
    return ""


def remove(store: Store, run: RunFolder, labels: Sequence[str], *, archived: bool = False) -> str:
    """Remove a run for ever, with its labels (`citations`) and remarks; what hinders it, or nothing.

    Raises:
        StoreError: the store cannot be written.
    """
    trash = store.root / ".an-cli" / "removed" / f"{run.id}.{os.getpid()}"  # out of sight in one step, then emptied
    if archived:
        _rename(run.path, trash)
    else:
        claim = take(run)
        if claim is None:
            return "another process holds it"
        _move(run, trash, claim)
        _unlink(store, labels)
    shutil.rmtree(trash, ignore_errors=True)
    if not (store.run(run.id).path.exists() or (store.archived / run.id).exists()):
        run_file(store, run.id).unlink(missing_ok=True)
    return f"not all of {trash} could be removed" if trash.exists() else ""


def _move(run: RunFolder, target: Path, claim: Claim) -> None:
    try:
        _rename(run.path, target)
    except StoreError:
        claim.release()
        raise
    replace(claim, run=RunFolder(target)).release(Ending.PUT_AWAY)


def _rename(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(source, target)
    except OSError as error:
        raise cannot_write(target, error) from error


def _unlink(store: Store, labels: Iterable[str]) -> None:
    for label in labels:
        link = store.studies / label
        with suppress(OSError):
            link.unlink()
            if not any(entry.is_symlink() for entry in link.parent.iterdir()):  # the last link's folder
                forget_study_rows(store, link.parent.name)
                link.parent.rmdir()
