"""Runs by the names that a user types: an id, the beginning of one, or STUDY/LABEL."""

from __future__ import annotations

import os
from pathlib import Path

from an_cli.errors import StoreError, nearest
from an_cli.files import subfolders
from an_cli.store import RunFolder, Store


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


def find_run(store: Store, word: str) -> RunFolder:
    """The run that a word names.

    Raises:
        StoreError: none, or several.
    """
    ids, known = store.run_ids(), links(store)
    if word in known:
        return store.run(known[word])
    hits = [run_id for run_id in ids if run_id.startswith(word)]
    if len(hits) == 1:
        return store.run(hits[0])
    if hits:
        raise StoreError(
            f"{word!r} begins {len(hits)} run ids", where=str(store.runs), now=f"one of: {', '.join(hits[:8])}"
        )
    study = word.partition("/")[0]
    own = [link for link in known if link.startswith(f"{study}/")]
    raise StoreError(f"no run {word!r}", where=str(store.root), now=_what_instead(word, own or list(known), len(ids)))


def _what_instead(word: str, links: list[str], runs: int) -> str:
    """Labels, not ids: nobody can choose among those."""
    if not links:
        return "an-cli status lists its runs" if runs else "it holds no runs yet: an-cli ablate STUDY makes them"
    return f"{nearest(word, links)}; or an id of an-cli status"


def runs_of(store: Store, word: str | None) -> list[RunFolder]:
    """The runs of a study that was launched here, or the one run that a word names; all of the store for None.

    Those of a study include what was launched with overrides, whose folder is `STUDY+TAG`.

    Raises:
        StoreError: neither.
    """
    if word is None:
        return [store.run(run_id) for run_id in store.run_ids()]
    own = [run_id for link, run_id in links(store).items() if link.startswith((f"{word}/", f"{word}+"))]
    return [store.run(run_id) for run_id in dict.fromkeys(own)] or [find_run(store, word)]
