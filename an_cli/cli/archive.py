"""Which runs `archive` and `rm` mean, what names them, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from an_cli.cli.answers import status_values, with_jobs
from an_cli.cli.find_run import runs_of
from an_cli.cli.study import print_json, say
from an_cli.console.columns import prose
from an_cli.console.medium import medium
from an_cli.errors import StoreError, nearest
from an_cli.report.formats.wording import clean
from an_cli.store import RunFolder, Status, Store
from an_cli.store.removing import (
    Cited,
    archive,
    archived_ids,
    archived_labels,
    bring_back,
    citations,
    remove,
)

Value = dict[str, Any]


def archive_values(store: Store, targets: Sequence[str], *, failed: bool, really: bool) -> list[Value]:
    """What archiving does, or would do, to each run.

    Raises:
        StoreError: a target that names nothing.
    """
    return _each(store, targets, partial(archive, store), failed=failed, really=really)


def remove_values(store: Store, targets: Sequence[str], *, failed: bool, really: bool) -> list[Value]:
    """What removing does, or would do, to each run.

    Raises:
        StoreError: a target that names nothing.
    """
    return _each(store, targets, partial(remove, store), failed=failed, really=really)


def _each(
    store: Store, targets: Sequence[str], act: Callable[[RunFolder, Sequence[str]], str], *, failed: bool, really: bool
) -> list[Value]:
    words: Sequence[str | None] = targets or [None]
    wanted = {run: word for word in words for run in runs_of(store, word)}
    states = {value["id"]: value for value in with_jobs(store, status_values(store, {}, [run.id for run in wanted]))}
    if failed:
        wanted = {run: word for run, word in wanted.items() if states[run.id]["status"] == Status.FAILED}
    cited = citations(store, wanted)
    values = []
    for run, word in wanted.items():
        status = states[run.id]["status"]
        left = _left(status, cited[run], word)
        if really and not left:
            left = act(run, cited[run].labels)
        values.append(_value(run.id, status, cited[run], left))
    return values


def _left(status: str, cited: Cited, word: str | None) -> str:
    """Why a run stays where it is: it goes, or another study than the one that was named has it as well."""
    if Status(status).is_going or Status(status).is_in_queue:
        return f"{status}: an-cli cancel stops it"
    studies = {label.partition("/")[0].partition("+")[0] for label in cited.labels}
    base = (word or "").partition("+")[0]
    others = sorted(studies - {base})
    return f"also in {', '.join(others)}" if base in studies and others else ""


def _value(run_id: str, status: str, cited: Cited, left: str) -> Value:
    return {
        "id": run_id,
        "status": status,
        "labels": list(cited.labels),
        "tables": list(cited.tables),
        "left": left or None,
    }


def list_values(store: Store) -> list[Value]:
    """The archived runs."""
    return [_archived(store, run_id) for run_id in archived_ids(store)]


def _archived(store: Store, run_id: str, left: str = "") -> Value:
    run = RunFolder(store.archived / run_id)
    tables = citations(store, [run])[run].tables
    return _value(run_id, "archived", Cited(labels=archived_labels(store, run_id), tables=tables), left)


def back_values(store: Store, targets: Sequence[str], *, really: bool) -> list[Value]:
    """What bringing back does, or would do, to each archived run."""
    ids = _find_archived(store, targets)
    return [
        _archived(store, run_id) | ({"left": bring_back(store, run_id) or None} if really else {}) for run_id in ids
    ]


def remove_archived_values(store: Store, targets: Sequence[str], *, really: bool) -> list[Value]:
    """What removing does, or would do, to each archived run."""
    values = []
    for run_id in _find_archived(store, targets):
        value = _archived(store, run_id)
        if really:
            value["left"] = remove(store, RunFolder(store.archived / run_id), (), archived=True) or None
        values.append(value)
    return values


def _find_archived(store: Store, targets: Iterable[str]) -> list[str]:
    """Archived runs by id, the beginning of one, STUDY/LABEL or STUDY.

    Raises:
        StoreError: a word that names none.
    """
    labels = {run_id: archived_labels(store, run_id) for run_id in archived_ids(store)}
    ids: dict[str, None] = {}
    for word in targets:
        hits = [run_id for run_id, own in labels.items() if run_id.startswith(word) or _named(word, own)]
        if not hits:
            every = [label for own in labels.values() for label in own] or list(labels)
            now = nearest(word, every) if every else "nothing is archived"
            raise StoreError(f"no archived run {word!r}", where=str(store.archived), now=now)
        ids |= dict.fromkeys(hits)
    return list(ids)


def _named(word: str, labels: Sequence[str]) -> bool:
    return any(label == word or label.startswith((f"{word}/", f"{word}+")) for label in labels)


def print_moves(values: Sequence[Value], verb: str, *, really: bool, json: bool) -> int:
    """Print what was done, or would be; the exit status: 3 where some of what was asked for stayed."""
    stayed = [value for value in values if value["left"]]
    if json:
        print_json({"runs": list(values), "done": really})
        return 3 if really and stayed else 0
    on = medium()
    for value in values:
        what = f"stays: {value['left']}" if value["left"] else verb if really else f"would be {verb}"
        names = "  ".join([*value["labels"], *(f"cited by {table}" for table in value["tables"])])
        print(prose(clean(f"{value['id']}  {value['status']}  {what}  {names}"), on, later="    "), end="")
    moved = len(values) - len(stayed)
    if not really:
        say(f"{moved} would be {verb}; nothing was changed: --yes does it")
    elif not values:
        print(f"nothing {verb}")
    return 3 if really and stayed else 0
