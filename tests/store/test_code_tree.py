"""Which files make the code tree, and which trees give the same numbers."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from an_cli.store import is_current
from an_cli.store.code_tree import PACKAGE, SAME_NUMBERS, SCIENCE, code_tree, comparable_tree

# Files of the science rooms that cannot change a number of a run: they refuse, choose, describe, move or stop.
LOGISTICS = {
    "config": ("__init__ check check_parts check_task compose from_file launching overrides plugins search_path spend"),
    "kernels": "__init__ cache",
    "norm": "convert flow sites",
    "models": "",
    "data": "prepare verify embedded/__init__ embedded/make_fashion_mnist_small",
    "train": "signals",
    "store": (
        "__init__ checks claims clock code_tree digests doing endings folder follow labels numbered pulled reading "
        "records remarks removing sent study_rows submissions variants writing"
    ),
}
# Rooms without any such file. `worker` starts attempts and answers; what is computed, it asks `train` for.
LIGHT = ("cli", "console", "launch", "plan", "report", "tracking", "worker")


def test_every_file_is_science_or_is_named_as_logistics() -> None:
    for room in sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"):
        if room in LIGHT:
            assert room not in SCIENCE
            continue
        there = {path.relative_to(PACKAGE / room).with_suffix("").as_posix() for path in (PACKAGE / room).rglob("*.py")}
        science, logistics = SCIENCE[room].split(), LOGISTICS[room].split()
        assert not set(science) & set(logistics), room
        assert there == {*science, *logistics}, (
            f"{room}: put a new file on the list in store/code_tree.py if it can change a number of a run, else here; "
            "drop one that is gone"
        )


def test_a_change_of_the_code_tree_is_meant(golden) -> None:  # type: ignore[no-untyped-def]
    """If it fails: a file that can change a number was changed.

    Where the numbers stay as they are, bit for bit (the tests of training hold that), add the old tree of the golden to
    SAME_NUMBERS in store/code_tree.py; where they do not, empty SAME_NUMBERS and say so in CHANGELOG.md: finished runs
    are then marked as made by other code. Either way run pytest --update-goldens.
    """
    golden("code_tree.txt", f"{code_tree()}\n")


def test_runs_of_a_tree_with_the_same_numbers_are_current_and_comparable() -> None:
    assert is_current([code_tree()])
    assert is_current([code_tree(), *SAME_NUMBERS])
    assert not is_current([code_tree(), "0" * 16])
    assert {comparable_tree(tree) for tree in SAME_NUMBERS} <= {code_tree()}
    assert comparable_tree("0" * 16) == "0" * 16


@pytest.mark.parametrize(("file", "changes"), [("norm/attentive.py", True), ("worker/job.py", False)])
def test_only_files_that_can_change_a_number_change_it(
    file: str, changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_tree()
    shutil.copytree(PACKAGE, tmp_path / "an_cli", ignore=shutil.ignore_patterns("__pycache__", "embedded"))
    with (tmp_path / "an_cli" / file).open("a") as source:
        source.write("# changed\n")
    monkeypatch.setattr(sys.modules["an_cli.store.code_tree"], "PACKAGE", tmp_path / "an_cli")
    assert (code_tree.__wrapped__() != before) is changes
