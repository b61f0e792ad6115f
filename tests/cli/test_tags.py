"""Tags, notes and names: said once, shown in every verb."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import an_cli
from an_cli.report.page.snapshot import Reader, snapshot
from an_cli.store import Store
from an_cli.store.remarks import read_remarks, remark, run_file
from tests.cli.conftest import BASE, Call


def test_tags_of_runs_and_studies_are_shown_and_filter(call: Call) -> None:
    call("ablate", "tiny")
    assert call("tag", "tiny/baseline", "tiny/gate=softmax", "+paper", "+good").status == 0
    call("tag", "tiny", "+all")
    call("tag", "tiny/gate=softmax", "--remove", "good")
    cells = call("status", "--json").json["cells"]
    assert [cell["tags"] for cell in cells] == [["paper", "good", "all"], ["paper", "all"], ["all"]]
    labels = [cell["label"] for cell in call("status", "--tag", "paper", "--json").json["cells"]]
    assert labels == ["tiny/baseline", "tiny/gate=softmax"]
    assert len(call("status", "tiny", "--tag", "good", "--tag", "paper", "--json").json["cells"]) == 1
    assert "+paper +good" in call("show", "tiny/baseline").out
    assert "tiny/gate=softmax +paper" in call("tag").out


def test_nothing_said_is_said(call: Call) -> None:
    call("ablate", "tiny")
    assert "no tags" in call("tag").err
    assert "no notes on tiny" in call("note", "tiny").err


def test_notes_are_kept_in_order_and_can_be_forgotten(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    call("note", "tiny/baseline", "the fan\nwas broken")
    call("note", "tiny/baseline", "repaired")
    call("tag", "tiny/baseline", "+good")
    runs = snapshot(Reader(Store(folder)))["runs"]
    assert {"tags", "notes"} <= set(runs)
    assert "good" in runs["tags"]["values"]
    assert "name" not in runs, "nothing has a name: no column"
    frame = an_cli.load(".").set_index("label")
    assert frame.loc["baseline", "notes"] == ("the fan was broken", "repaired")
    notes = call("note", "tiny/baseline", "--json").json["notes"]
    assert [one["text"] for one in notes] == ["the fan was broken", "repaired"]
    assert "repaired" in call("show", "tiny/baseline").out
    call("note", "tiny/baseline", "anew", "--clear")
    assert call("note", "tiny/baseline").out.rstrip().endswith("anew")
    assert call("note", "tiny", "a study has notes too").out.count("\n") == 1


def test_a_run_has_a_name_from_its_start_and_is_found_by_it(call: Call, folder: Path) -> None:
    call("run", *BASE, "--name", "first-try")
    assert call("status", "--json").json["cells"][0]["label"] == "first-try"
    assert call("show", "first-try", "--json").json["name"] == "first-try"
    again = call("run", *BASE, "--name", "better")
    assert again.status == 0
    assert call("show", "better").status == 0
    assert call("show", "first-try").status == 1
    ended = call("run", *BASE, "recipe.epochs=2", "--name", "better")
    assert (ended.status, len(Store(folder).run_ids())) == (1, 1), "a name that is taken starts nothing"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["tag", "+x"], 2, "name a run or a study"),
        (["tag", "tiny/baseline", "+a b"], 1, "cannot be a tag"),
        (["tag", "tiny/baseline", "--remove", "never"], 1, "no tag 'never'"),
        (["tag", "tiny/baseline", "tiny/nothing", "+x"], 1, "no run 'tiny/nothing'"),
        (["tag", "tiny/baseline", "--name", "../x"], 1, "cannot be a name"),
        (["note", "tiny/baseline", " "], 2, "empty"),
    ],
)
def test_a_wrong_word_changes_nothing(call: Call, words: list[str], status: int, said: str) -> None:
    call("ablate", "tiny")
    ended = call(*words)
    assert ended.status == status
    assert said in ended.err
    assert [cell["tags"] for cell in call("status", "--json").json["cells"]] == [[], [], []]


def test_remarks_at_once_lose_nothing_and_a_torn_line_hides_no_other(tmp_path: Path) -> None:
    path = run_file(Store(tmp_path), "a" * 16)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: remark(path, add=[f"t{number}"]), range(20)))
    with path.open("ab") as file:
        file.write(b'{"add": ["torn')
    remark(path, add=["last"])
    assert set(read_remarks(path).tags) == {*(f"t{number}" for number in range(20)), "last"}
