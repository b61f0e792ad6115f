"""Forms of a study: edited, with overrides, of some seeds; none takes the place of another without a word."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def _write(folder: Path, name: str = "tiny", **changes: Any) -> None:
    """The study with other keys, as another study where a name is given; None takes a key out."""
    content = {**json.loads((folder / "sweeps" / "tiny.yaml").read_text()), **changes}
    kept = {key: value for key, value in content.items() if value is not None}
    (folder / "sweeps" / f"{name}.yaml").write_text(json.dumps(kept))


def _base(folder: Path) -> list[str]:
    found: list[str] = json.loads((folder / "sweeps" / "tiny.yaml").read_text())["base"]
    return found


def test_an_edit_that_hides_results_is_said_and_the_written_table_is_kept(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    written = {path: path.read_bytes() for path in (folder / "reports" / "build").iterdir()}
    _write(folder, base=[*_base(folder), "recipe.lr=0.123"])
    said = "3 finished runs of an earlier form of tiny differ in recipe.lr"
    ended = call("report", "tiny")
    assert ended.status in (1, 3)
    assert said in ended.err
    assert {path: path.read_bytes() for path in written} == written
    assert said in call("status", "tiny").err
    assert said in call("plan", "tiny", "--no-costs").err
    ended = call("ablate", "tiny")
    assert said in ended.err
    assert ended.status == 0
    assert said not in call("status", "tiny").err, "the new runs are there"


def test_a_table_of_some_seeds_is_written_under_its_own_name(call: Call, folder: Path) -> None:
    _write(folder, seeds=[0, 1])
    assert call("ablate", "tiny").status == 0
    build = folder / "reports" / "build"
    full = (build / "tiny.json").read_bytes()
    assert call("report", "tiny", "seed=1").status == 0
    assert (build / "tiny.json").read_bytes() == full
    assert (build / "tiny+seed=1.json").is_file()


def test_a_variant_is_a_study_like_others_in_every_verb(call: Call, folder: Path) -> None:
    call("ablate", "tiny", "recipe.lr=0.07", "seed=0,1")
    (name,) = [path.name for path in (folder / "studies").iterdir()]
    assert name.startswith("tiny+")
    cells = call("status", name, "--json").json["cells"]
    assert {cell["status"] for cell in cells} == {"finished"}
    report = call("report", name, "--format", "csv")
    assert report.status == 0
    assert report.out == call("report", "tiny", "recipe.lr=0.07", "--format", "csv").out
    for words in (["plan", name, "--no-costs"], ["report", name, "--verify"]):
        assert call(*words).status == 0, words
    assert call("figure", "curves", name, "--out", str(folder / "c.pdf")).status in (0, 1)
    listed = {one["name"]: one for one in call("studies", "--json").json["studies"]}
    assert (listed[name]["kind"], listed[name]["done"]) == ("variant", 3)
    assert "recipe.lr=0.07" in listed[name]["title"]
    assert call("ablate", name).status == 0
    (folder / "sweeps" / "tiny.yaml").unlink()
    assert "tiny" in call("status", name).err


def test_a_variant_that_is_not_on_record_says_how_to_name_it(call: Call) -> None:
    ended = call("status", "tiny+abcdef")
    assert ended.status == 1
    assert "give the words that made it: tiny KEY=VALUE" in ended.err


@pytest.mark.parametrize("word", ["recipe.lr=banana", "recipe.lr=0.5"])
def test_an_override_that_every_row_sets_itself_is_refused(call: Call, folder: Path, word: str) -> None:
    _write(folder, "grid", rows=None, grid={"recipe.lr": [0.1, 0.2]})
    assert call("plan", "grid", "--no-costs").status == 0
    for verb in (["plan", "grid", "--no-costs", word], ["report", "grid", word], ["ablate", "grid", word]):
        ended = call(*verb)
        assert ended.status == 1, verb
        assert f"'{word}' would change nothing: every row of the grid sets it" in ended.err
    assert not (folder / "reports").exists()


@pytest.mark.parametrize("word", ["recipe.epochs=banana", "recipe.lr=banana"])
def test_a_value_that_there_is_not_is_refused_by_every_verb(call: Call, word: str) -> None:
    for verb in ("plan", "report", "status"):
        assert call(verb, "tiny", word).status == 1


def test_a_store_that_was_copied_with_its_links_followed_or_without_them_knows_its_names(
    call: Call, folder: Path
) -> None:
    call("ablate", "tiny")
    label = "tiny/gate=softmax"
    run_id = call("show", label, "--json").json["id"]
    links = {path.name: path.resolve() for path in (folder / "studies" / "tiny").iterdir() if path.is_symlink()}
    shutil.rmtree(folder / "studies")
    assert call("show", label, "--json").json["id"] == run_id
    for name, target in links.items():
        shutil.copytree(target, folder / "studies" / "tiny" / name)
    assert call("show", label, "--json").json["id"] == run_id
    assert call("status", "--json").json["cells"]


def test_one_configuration_with_several_seeds_is_a_study(call: Call, folder: Path) -> None:
    base = [word for word in _base(folder) if not word.startswith("launch")]
    ended = call("ablate", "--as", "seeds", *base, "seed=0,1,2")
    assert ended.status == 0, ended.err
    assert len(call("status", "seeds", "--json").json["cells"]) == 3


@pytest.mark.parametrize("word", ["tiny.yaml", "sweeps/tiny.yaml", "./sweeps/tiny.yaml"])
def test_a_study_is_named_as_a_shell_completes_its_file(call: Call, word: str) -> None:
    assert len(call("status", word, "--json").json["cells"]) == 3


def test_a_step_of_more_images_than_there_are_is_said(call: Call) -> None:
    words = ["tiny", "data.train_samples=20", "recipe.batch_per_replica=50"]
    said = "note: a step of 3 cells takes 50 samples, of 20 that there are: an epoch is one step"
    assert said in call("plan", *words, "--no-costs").err
    assert said in call("ablate", *words).err
    assert "note: a step" not in call("plan", "tiny", "--no-costs").err
