"""Tags, notes and names, by the words that a user types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from an_cli.cli.find_run import find_run
from an_cli.config import search_path
from an_cli.errors import StoreError
from an_cli.files import subfolders
from an_cli.store import Store
from an_cli.store.labels import labels_of, links
from an_cli.store.remarks import Remarks, check_words, read_remarks, remark, run_file, run_remarks, study_file


def _file(store: Store, word: str) -> Path:
    """Where remarks on a study, or on a run, are kept.

    Raises:
        StoreError: neither is named so.
    """
    if word in subfolders(store.studies) or word in search_path.names("sweeps"):
        return study_file(store, word)
    return run_file(store, find_run(store, word).id)


def tag_all(store: Store, targets: Sequence[str], added: Sequence[str], dropped: Sequence[str]) -> None:
    """Add and take away tags of all targets, or of none where one of the words is wrong.

    Raises:
        StoreError: a target that is none, a word that is no tag, or a tag to take away that nothing has.
    """
    if not added and not dropped:
        return
    check_words([*added, *dropped], "tag")
    files = {target: _file(store, target) for target in targets}
    for target, path in files.items():
        has = read_remarks(path).tags
        if lacking := [word for word in dropped if word not in has]:
            shown = ", ".join(has) or "it has none"
            raise StoreError(f"no tag {lacking[0]!r} to remove", where=target, now=f"its own tags: {shown}")
    for path in files.values():
        remark(path, add=list(added), drop=list(dropped))


def check_name(store: Store, name: str, run_id: str) -> None:
    """Refuse a name that would hide something else.

    Raises:
        StoreError: it is no word, or names another run already.
    """
    check_words([name], "name")
    other = next(
        (other_id for other_id, remarks in run_remarks(store).items() if remarks.name == name and other_id != run_id),
        None,
    )
    hidden = next((other_id for other_id in store.run_ids() if other_id.startswith(name)), None)
    if other or hidden or name in links(store):
        raise StoreError(f"{name!r} names {other or hidden or 'a link'} already", where="--name", now="choose another")


def set_name(store: Store, target: str, name: str) -> None:
    """Name a run.

    Raises:
        StoreError: see `check_name` and `find_run`.
    """
    run = find_run(store, target)
    check_name(store, name, run.id)
    remark(run_file(store, run.id), name=name)


def add_note(store: Store, target: str, text: str | None, *, clear: bool) -> None:
    """Note a sentence; `clear` forgets those before it."""
    path = _file(store, target)
    if text is not None and not text.strip():
        raise typer.BadParameter("it is empty", param_hint="TEXT")
    if text is not None or clear:
        remark(path, clear=clear, **({} if text is None else {"note": " ".join(text.split())}))


def remark_values(store: Store, targets: Sequence[str]) -> list[dict[str, Any]]:
    """What was said of the targets; of everything where none is named."""
    if targets:
        files = {target: _file(store, target) for target in targets}
    else:
        files = {path.name.removesuffix(".jsonl"): path for path in sorted(store.notes.glob("*/[!.]*.jsonl"))}
    by_run = {run_id: own[0] for run_id, own in labels_of(store).items()}
    return [_value(by_run.get(target, target), path, read_remarks(path)) for target, path in files.items()]


def _value(label: str, path: Path, remarks: Remarks) -> dict[str, Any]:
    kind = "run" if path.parent.name == "runs" else "study"
    return {"kind": kind, "id": path.name.removesuffix(".jsonl"), "label": label, **remarks_value(remarks)}


def remarks_value(remarks: Remarks) -> dict[str, Any]:
    """Remarks as plain values."""
    return {"name": remarks.name, "tags": list(remarks.tags), "notes": [asdict(note) for note in remarks.notes]}


def with_tags(
    values: Iterable[dict[str, Any]], remarks: Mapping[str, Remarks], wanted: Sequence[str]
) -> list[dict[str, Any]]:
    """States of runs with their tags, and a name where they have no label; only those that have all wanted tags."""
    tagged = []
    for value in values:
        own = remarks.get(value["id"], Remarks())
        if set(wanted) <= set(own.tags):
            tagged.append({**value, "label": value["label"] or own.name, "tags": list(own.tags)})
    return tagged
