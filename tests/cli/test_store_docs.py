"""docs/store.md: what it calls truth is enough, what it calls an index is made anew."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from an_cli.store import Store
from tests.cli.conftest import Call

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")


def test_the_page_names_the_folders_of_a_store() -> None:
    named = set(re.findall(r"^\| `([^`]+?)/?`", PAGE.partition("## Copying")[0], re.MULTILINE))
    store = Store(Path("S"))
    folders = (store.notes, store.archived, store.pulled, store.reports, store.costs, store.version)
    assert {str(path.relative_to(store.root)) for path in folders} <= named
    assert {"runs/<id>", "studies/<study>/<label>"} <= named


def test_a_store_that_was_moved_answers_as_before(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    call("tag", "tiny/baseline", "+good")
    before = [call("report", "tiny", "--json").out, call("status", "--json").out, call("tag").out]
    moved = folder / "elsewhere"
    for name in ("runs", "studies", "notes", "reports"):
        shutil.copytree(folder / name, moved / name, symlinks=True, ignore=shutil.ignore_patterns("checkpoints"))
        shutil.rmtree(folder / name)
    where = ("--store", str(moved))
    assert call("report", "tiny", "--verify", *where).status == 0
    after = [
        call("report", "tiny", "--json", *where).out,
        call("status", "--json", *where).out,
        call("tag", *where).out,
    ]
    assert after == before
    shutil.rmtree(moved / "studies")
    assert call("ablate", "tiny", *where).status == 0
    assert call("show", "tiny/gate=softmax", *where).status == 0, "links are an index"


@pytest.mark.parametrize("word", ["-aH", "--exclude='.*.part'", "--ignore-existing"])
def test_the_flags_of_the_copy_are_named(word: str) -> None:
    assert word in PAGE
