"""Runs by the names that a user types: an id, the beginning of one, a name given to it, or STUDY/LABEL."""

from __future__ import annotations

import difflib

from an_cli.errors import AnError, StoreError
from an_cli.store import RunFolder, Store
from an_cli.store.labels import labels_of, links
from an_cli.store.remarks import run_remarks

__all__ = ["find_run", "labels_of", "links", "runs_of"]


def find_run(store: Store, word: str) -> RunFolder:
    """The run that a word names.

    Raises:
        StoreError: none, or several.
    """
    ids, labels = store.run_ids(), links(store)
    if word in labels:
        return store.run(labels[word])
    named = [
        run_id for run_id, remarks in run_remarks(store).items() if word and remarks.name == word and run_id in ids
    ]
    if len(named) == 1:
        return store.run(named[0])
    hits = [run_id for run_id in ids if run_id.startswith(word)]
    if len(hits) == 1:
        return store.run(hits[0])
    if hits:
        raise StoreError(
            f"{word!r} begins {len(hits)} run ids", where=str(store.runs), now=f"one of: {', '.join(hits[:8])}"
        )
    study, _, label = word.partition("/")
    if label and (planned := _planned(store, study, label)) in ids:
        return store.run(planned)
    own = [link for link in labels if link.startswith(f"{study}/")]
    raise StoreError(f"no run {word!r}", where=str(store.root), now=_what_instead(word, own or list(labels), len(ids)))


def _planned(store: Store, study: str, label: str) -> str:
    """The id that a study gives a label: where its links are gone, for they are an index, or of a row of its table.

    Raises:
        StoreError: a row of several seeds, which are several runs.
    """
    from an_cli.plan import load_named, make_plan

    try:
        plan = make_plan(load_named(study, store))
    except AnError:
        return ""
    if cell := next((cell for cell in plan.cells if cell.label == label), None):
        return cell.id
    ids = next((row.cells for row in plan.rows if row.label == label), ())
    if len(ids) > 1:
        names = ", ".join(f"{study}/{plan.cell(run_id).label}" for run_id in ids)
        raise StoreError(f"the row {label!r} has {len(ids)} runs", where=study, now=f"name one of: {names}")
    return next(iter(ids), "")


def _what_instead(word: str, links: list[str], runs: int) -> str:
    """Labels, not ids: nobody can choose among those."""
    if not links:
        return "an-cli status lists its runs" if runs else "it holds no runs yet: an-cli ablate STUDY makes them"
    close = difflib.get_close_matches(word, links, n=3, cutoff=0.0)
    others = f" ({' or '.join(close[1:])})" if close[1:] else ""
    return f"did you mean {close[0]}?{others} an-cli status lists all {len(links)} names, and the ids"


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
