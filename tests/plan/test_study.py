"""Study files: what they may say, and what each mistake is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.config import search_path
from an_cli.errors import StudyError
from an_cli.plan import Study, load_study

Write = Callable[..., Study]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes sweeps/NAME.yaml into an empty working directory and loads it."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(text: str, *overrides: str, name: str = "mine", load: bool = True) -> Study | None:
        path = tmp_path / "sweeps" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load_study(name, overrides) if load else None

    return write_and_load  # type: ignore[return-value]


def test_a_study_is_a_frozen_value_that_can_be_compared() -> None:
    assert load_study("table1") == load_study("table1")
    assert load_study("table1").source == search_path.shipped("sweeps") / "table1.yaml"


def test_the_demo_is_table_1_with_other_base_values() -> None:
    demo, table = load_study("demo"), load_study("table1")
    assert demo.rows == table.rows
    assert demo.base[: len(table.base)] == table.base
    assert (demo.lineage, table.lineage) == (("table1",), ())
    assert (demo.seeds, table.seeds) == ((0, 1, 2), (0,))


def test_published_numbers_are_not_inherited_since_another_base_makes_other_numbers() -> None:
    assert (load_study("table1").paper, load_study("demo").paper) == ("table1", None)


def test_rows_of_an_extending_study_replace_the_inherited_ones(write: Write) -> None:
    study = write("extends: table1\nrows: [{label: one, baseline: true}]")
    assert [row.label for row in study.rows] == ["one"]
    assert study.title == load_study("table1").title


def test_an_extension_of_an_extension_folds_both_in(write: Write) -> None:
    write("extends: demo\nbase: [seedless=1]\nrows: [{label: a, baseline: true}]", name="first", load=False)
    study = write("extends: first\nbase: [recipe.epochs=1]", name="second")
    assert study.lineage == ("first", "demo", "table1")
    assert study.base[-2:] == ("seedless=1", "recipe.epochs=1")
    assert study.seeds == (0, 1, 2)


def test_studies_in_a_circle_are_refused(write: Write) -> None:
    write("extends: b", name="a", load=False)
    with pytest.raises(StudyError, match="in a circle: b -> a -> b"):
        write("extends: a", name="b")


def test_an_unknown_study_names_the_nearest_and_the_folders() -> None:
    with pytest.raises(StudyError, match=r"unknown study 'tabel1' .*did you mean table1") as caught:
        load_study("tabel1")
    assert "sweeps" in caught.value.where


def test_a_user_s_study_hides_a_shipped_one_and_says_so(write: Write) -> None:
    study = write("title: mine\nrows: [{label: a, baseline: true}]", name="table1")
    assert study.title == "mine"
    assert study.shadows == search_path.shipped("sweeps") / "table1.yaml"


def test_overrides_go_behind_the_base_of_every_row() -> None:
    study = load_study("table1", ["recipe.epochs=2", "model=resnet101"])
    assert study.base[-2:] == ("recipe.epochs=2", "model=resnet101")


@pytest.mark.parametrize(
    ("word", "seeds"), [("seed=3", (3,)), ("seed=0,1,2", (0, 1, 2)), ("seed=range(0,4)", (0, 1, 2, 3))]
)
def test_seed_on_the_command_line_names_the_seeds(word: str, seeds: tuple[int, ...]) -> None:
    study = load_study("demo", ["seed=9", word])
    assert study.seeds == seeds
    assert not any(text.startswith("seed") for text in study.base)


ROW = "{label: a, baseline: true}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the study has no rows"),
        (f"row: [{ROW}]", "unknown key 'row' (mine.yaml.row) -> did you mean rows?"),
        ("rows: [{label: a, baseline: true, sett: []}]", "unknown key 'sett' (mine.yaml.rows[0].sett)"),
        ("rows: [{baseline: true}]", "missing key 'label'"),
        ("rows: [{label: 3, baseline: true}]", "3 is not a text"),
        (f"rows: [{ROW}, {{label: b, baseline: true}}]", "2 baselines: a; b (mine) -> keep one per group"),
        (
            "rows: [{label: a, group: g, baseline: true}, {label: b, group: g, baseline: true}]",
            "2 baselines: a; b (mine: group 'g')",
        ),
        ("rows: [{label: a}]", "no row is the baseline (mine) -> mark one row of the group with baseline: true"),
        (f"rows: [{ROW}, {{label: b, group: g}}]", "no row is the baseline (mine: group 'g')"),
        (f"rows: [{ROW}, {{label: a}}]", "two rows are labelled 'a' (mine)"),
        (f"rows: [{ROW}, {{label: b, gain_over: c}}]", "gain_over names no row: 'c' (mine: b)"),
        (
            f"rows: [{ROW}, {{label: b, literature: k, set: [norm=bn]}}]",
            "a literature row is quoted, not run (mine: b)",
        ),
        ("rows: [{label: a, literature: k, baseline: true}]", "a literature row is quoted, not run"),
        (f"rows: [{ROW}]\ngrid: {{norm: [bn]}}", "rows or a grid, not both"),
        ("grid: {norm: bn}", "'bn' is not a list of values (mine: grid.norm)"),
        ("grid: {norm: []}", "[] is not a list of values"),
        ("grid: {norm: [bn, bn]}", "two rows are labelled 'norm=bn'"),
        ("grid: {seed: [0, 1]}", "names a seed (mine, row 'seed=0') -> seeds: of the study does"),
        (f"base: [seed=1]\nrows: [{ROW}]", "'seed=1' names a seed (mine, base)"),
        (f"base: [launch.device=cpu]\nrows: [{ROW}]", "'launch.device=cpu' is not part of a study (mine, base)"),
        (f"base: [model]\nrows: [{ROW}]", "'model' is not an override (mine, base)"),
        ("rows: [{label: a, baseline: true, set: ['~norm']}]", "is not an override (mine, row 'a')"),
        (f"seeds: [0, 0]\nrows: [{ROW}]", "[0, 0] are not seeds (mine: seeds)"),
        (f"seeds: [-1]\nrows: [{ROW}]", "[-1] are not seeds"),
        (f"seeds: [true]\nrows: [{ROW}]", "True is not a whole number"),
        (f"extends: nothing\nrows: [{ROW}]", "unknown study 'nothing'"),
        ("rows: [", "mine.yaml is not YAML"),
        ("- a", "mine.yaml must hold a mapping"),
    ],
)
def test_each_mistake_in_a_study_is_one_line_with_what_where_and_what_now(
    text: str, message: str, write: Write
) -> None:
    with pytest.raises(StudyError) as caught:
        write(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("launch.processes=2", "is not part of a study"),
        ("launch=slurm", "is not part of a study"),
        ("seed=x", r"\['x'\] are not seeds"),
        ("seed=0,0", r"\[0, 0\] are not seeds"),
        ("seed=-1", r"\[-1\] are not seeds"),
        ("epochs", "'epochs' is not an override"),
    ],
)
def test_each_mistake_in_an_override_of_a_study_is_said(word: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        load_study("table1", [word])


def test_a_group_of_literature_rows_needs_no_baseline(write: Write) -> None:
    study = write(f"paper: table1\nrows: [{ROW}, {{label: b, group: theirs, literature: best}}]")
    assert len(study.rows) == 2


def test_a_grid_is_the_product_in_the_order_written_with_the_first_as_baseline(write: Write) -> None:
    study = write("grid: {norm: [bn, an_bn], recipe.lr: [0.1, 1e-2]}")
    assert [row.label for row in study.rows] == [
        "norm=bn, lr=0.1", "norm=bn, lr=0.01", "norm=an_bn, lr=0.1", "norm=an_bn, lr=0.01",
    ]  # fmt: skip
    assert [row.set for row in study.rows][1] == ("norm=bn", "recipe.lr=0.01")
    assert [row.baseline for row in study.rows] == [True, False, False, False]


def test_a_grid_may_hold_lists_and_null(write: Write) -> None:
    study = write("grid: {norm.attention.components: [[5, 5, 10, 10], [1, 1, 1, 1]], recipe.cpu_threads: [null]}")
    assert study.rows[0].set == ("norm.attention.components=[5,5,10,10]", "recipe.cpu_threads=null")
