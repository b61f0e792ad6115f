"""What the user says of runs and studies: tags, notes, a name. Beside the runs, never inside them.

A run folder belongs to its attempts, which are fenced; a remark is made at any time, also of a run that goes. Every
remark is one line, appended in a single write, so two users who tag the same run at once lose nothing.
"""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from an_cli.errors import AnError, StoreError
from an_cli.files import append_line, cannot_write, read_json_lines
from an_cli.store.folder import Store
from an_cli.store.labels import labels_of

_WORD = re.compile(r"[\w.:=@-]{1,60}")


@dataclass(frozen=True, kw_only=True)
class Note:
    """A sentence of somebody's about a run or a study; `at` in UTC."""

    at: str
    by: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Remarks:
    """All that has been said of a run or a study."""

    name: str = ""
    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def run_file(store: Store, run_id: str) -> Path:
    """Where remarks on a run are."""
    return store.notes / "runs" / f"{run_id}.jsonl"


def study_file(store: Store, study: str) -> Path:
    """Where remarks on a study are."""
    return store.notes / "studies" / f"{study}.jsonl"


def read_remarks(path: Path) -> Remarks:
    """The remarks in a file; lines that cannot be read are left out, a file that is not there says nothing."""
    try:
        lines, _ = read_json_lines(path)
    except AnError:
        return Remarks()
    remarks = Remarks()
    for line in lines:
        remarks = _with(remarks, line)
    return remarks


def _with(remarks: Remarks, line: Mapping[str, Any]) -> Remarks:
    tags = [*remarks.tags, *_texts(line.get("add"))]
    dropped = set(_texts(line.get("drop")))
    notes = () if line.get("clear") is True else remarks.notes
    text, name = line.get("note"), line.get("name")
    if isinstance(text, str):
        notes += (Note(at=str(line.get("at", "")), by=str(line.get("by", "")), text=text),)
    return replace(
        remarks,
        name=name if isinstance(name, str) else remarks.name,
        tags=tuple(dict.fromkeys(tag for tag in tags if tag not in dropped)),
        notes=notes,
    )


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def remark(path: Path, **words: object) -> None:
    """Add one line: `add`, `drop` (tags), `note` (text), `clear` (true: forget the notes), `name`.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    append_line(path, {"at": now, "by": _user(), **words})


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without an entry
        return ""


def check_words(words: Iterable[str], what: str) -> None:
    """Refuse a tag or a name that a command line or a file cannot carry.

    Raises:
        StoreError: the first that is none.
    """
    for word in words:
        if not _WORD.fullmatch(word):
            raise StoreError(
                f"{word!r} cannot be a {what}", where=what, now="use letters, digits and . : = @ _ -, at most 60"
            )


def run_remarks(store: Store) -> dict[str, Remarks]:
    """Run id -> what was said of it; a study's tags hold for its runs too, those with overrides among them."""
    by_run = {path.stem: read_remarks(path) for path in _files(store, "runs")}
    by_study = {path.name.removesuffix(".jsonl"): read_remarks(path).tags for path in _files(store, "studies")}
    if not by_study:
        return by_run
    for run_id, labels in labels_of(store).items():
        studies = dict.fromkeys(name for label in labels for name in _names(label.partition("/")[0]))
        tags = [tag for study in studies for tag in by_study.get(study, ())]
        if tags:
            own = by_run.get(run_id, Remarks())
            by_run[run_id] = replace(own, tags=tuple(dict.fromkeys([*own.tags, *tags])))
    return by_run


def _names(study: str) -> tuple[str, str]:
    return study, study.partition("+")[0]


def _files(store: Store, kind: str) -> list[Path]:
    return sorted((store.notes / kind).glob("[!.]*.jsonl"))
