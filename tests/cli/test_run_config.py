"""`show RUN --yaml` and `run --config FILE`: the same cell."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from an_cli.store import Store
from tests.cli.conftest import BASE, Call

AWKWARD = ["recipe.lr=1e-05", "recipe.weight_decay=1e-22", "recipe.epochs=2"]


def test_what_show_prints_runs_as_the_same_cell(call: Call, folder: Path) -> None:
    call("run", *BASE, *AWKWARD)
    (run_id,) = Store(folder).run_ids()
    (folder / "mine.yaml").write_text(call("show", run_id, "--yaml").out)
    shutil.copy(folder / "runs" / run_id / "cell.json", folder / "cell.json")
    (folder / "bare.json").write_text(_bare(folder / "cell.json"))
    for file in ("mine.yaml", "cell.json", "bare.json"):
        shutil.rmtree(folder / "runs")
        assert call("run", "--config", file, "launch.device=cpu").status == 0
        assert Store(folder).run_ids() == [run_id], file
    assert call("run", "--config", "mine.yaml", "seed=1").status == 0
    configs = [call("show", one, "--json").json for one in Store(folder).run_ids()]
    assert sorted(one["config"]["seed"] for one in configs) == [0, 1]
    assert {one["choices"].get("norm") for one in configs} == {"an_bn", None}


def _bare(path: Path) -> str:
    import json

    return json.dumps(json.loads(path.read_text())["config"])


@pytest.mark.parametrize(
    ("name", "text", "words", "said"),
    [
        ("none.yaml", None, [], "no such file"),
        ("list.yaml", "- 1\n", [], "list.yaml"),
        ("list.json", "[1]", [], "does not hold an object"),
        ("torn.json", '{"config": {', [], "torn.json"),
        ("part.yaml", "config: {seed: 0}\n", [], "missing key"),
        ("text.yaml", "config: all\n", [], "are mappings"),
        ("more.yaml", "config: {}\nlaunch: {}\n", [], "unknown key 'launch'"),
        ("full.yaml", "", ["norm=bn"], "chooses a file of conf/"),
        ("full.yaml", "", ["recipe.lrr=1"], "did you mean recipe.lr?"),
        ("full.yaml", "", ["recipe.lr=-1"], "recipe.lr"),
    ],
)
def test_a_file_that_is_no_config_is_one_line(
    call: Call, folder: Path, name: str, text: str | None, words: list[str], said: str
) -> None:
    if text == "":
        call("run", *BASE)
        text = call("show", Store(folder).run_ids()[0], "--yaml").out
        shutil.rmtree(folder / "runs")
    if text is not None:
        (folder / name).write_text(text)
    ended = call("run", "--config", name, *words)
    assert (ended.status, ended.err.count("\n"), Store(folder).run_ids()) == (1, 1, [])
    assert said in ended.err
