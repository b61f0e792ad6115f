"""`ablate --as NAME`: a command line becomes a study file."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.errors import AnError
from an_cli.plan import load_study, make_plan, plan_grid, write_grid

WORDS = ["norm=bn,an_bn", "recipe.lr=0.1,0.2", "model=resnet50", "seed=0,1"]


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_values_become_factors_one_value_the_base_and_seed_the_seeds() -> None:
    assert write_grid("lrs", WORDS).source == Path.cwd() / "sweeps" / "lrs.yaml"
    study = load_study("lrs")
    assert (study.base, study.seeds, len(study.rows)) == (("model=resnet50",), (0, 1), 4)
    assert len(make_plan(study).cells) == 8


def test_the_file_says_which_command_wrote_it() -> None:
    text = write_grid("lrs", WORDS).source.read_text()
    assert text.startswith("# Written by: an-cli ablate --as lrs norm=bn,an_bn recipe.lr=0.1,0.2")


def test_the_same_command_again_changes_nothing() -> None:
    path = write_grid("lrs", WORDS).source
    before = path.stat()
    assert write_grid("lrs", WORDS).source == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_another_study_of_that_name_is_never_overwritten() -> None:
    path = write_grid("lrs", WORDS).source
    text = path.read_text()
    with pytest.raises(AnError, match="study 'lrs' exists and differs"):
        write_grid("lrs", [*WORDS, "recipe.epochs=6,7"])
    assert path.read_text() == text


def test_a_shipped_study_is_never_hidden_by_a_grid(own: Path) -> None:
    with pytest.raises(AnError, match="study 'table1' exists and differs"):
        write_grid("table1", WORDS)
    assert not (own / "sweeps").exists()


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("a/b", WORDS, "'a/b' cannot name a study"),
        ("", WORDS, "'' cannot name a study"),
        ("..", WORDS, "cannot name a study"),
        ("lrs", ["norm=bn"], "nothing varies"),
        ("lrs", [], "nothing varies"),
        ("lrs", ["norm=bn,an_bn", "launch.processes=1,2"], "is not part of a study"),
        ("lrs", ["norm"], "'norm' is not an override"),
        ("lrs", ["norm=bn,an_bm"], "unknown norm 'an_bm'"),
        ("lrs", ["norm.attention.gat=softmax,sigmoid"], "unknown key 'norm.attention.gat'"),
    ],
)
def test_a_mistake_leaves_no_file_in_the_way_of_the_corrected_command(
    name: str, words: list[str], message: str, own: Path
) -> None:
    with pytest.raises(AnError, match=message):
        write_grid(name, words)
    assert not list(own.iterdir())


def test_every_cell_of_a_grid_is_named_by_all_its_factors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["model=resnet_small", "recipe=demo", "data=fashion_mnist_small", "recipe.lr=0.1,0.2"]
    labels = [cell.label for cell in make_plan(plan_grid("rates", words)[0]).cells]
    assert labels == ["lr=0.1", "lr=0.2"]
    labels = [cell.label for cell in make_plan(plan_grid("rates", [*words, "seed=0,1"])[0]).cells]
    assert labels == ["lr=0.1,seed=0", "lr=0.1,seed=1", "lr=0.2,seed=0", "lr=0.2,seed=1"]
