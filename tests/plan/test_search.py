"""Search studies: read strictly, checked before anything runs, and choices that become cells and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.config import Composer
from an_cli.errors import StudyError
from an_cli.files import dump_yaml
from an_cli.plan import Study, load_study
from an_cli.plan.candidates import Candidates
from an_cli.plan.space import CategoricalParameter, FloatParameter, IntParameter, Order, ParameterKind, Space
from an_cli.plan.study import study_of

SPACE: dict[str, Any] = {
    "norm": {"type": "categorical", "choices": ["bn", "an_bn"]},
    "norm.attention.gate": {"type": "categorical", "choices": ["hsigmoid", "softmax"], "when": {"norm": "an_bn"}},
    "norm.attention.components": {
        "type": "int",
        "low": 2,
        "high": 20,
        "length": 4,
        "order": "non_decreasing",
        "when": {"norm": ["an_bn"]},
    },
    "recipe.lr": {"type": "float", "low": 0.05, "high": 0.8, "log": True},
    "recipe.label_smoothing": {"type": "float", "low": 0.0, "high": 0.2, "step": 0.05},
    "recipe.epochs": {"type": "int", "low": 4, "high": 8, "step": 2},
}
BASE = ["model=resnet_small", "recipe=demo", "data=fashion_mnist_small"]
COMPOSER = Composer()


def study(**search: Any) -> Study:
    found = {"space": SPACE, "objectives": ["top1_error_pct"], "budget": {"trials": 8}, **search}
    return study_of("tried", {"base": BASE, "seeds": [0, 1], "search": found}, Path("tried.yaml"))


def candidates(**search: Any) -> Candidates:
    return Candidates(study(**search), COMPOSER)


def changed(**keys: Any) -> dict[str, Any]:
    return {"space": {**SPACE, **{key.replace("__", "."): value for key, value in keys.items()}}}


def test_a_search_reads_with_the_words_of_optuna() -> None:
    search = study(sampler="random", pruner={"name": "median", "rungs": [1, 2]}).search
    assert search is not None
    assert (search.sampler.name, search.sampler.seed, search.pruner.rungs) == ("random", 0, (1, 2))
    candidates().check()


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (changed(recipe__learn=SPACE["recipe.lr"]), "unknown key 'recipe.learn'"),
        (changed(recipe__lr={"type": "float", "low": 0.8, "high": 0.05}), "the range 0.8 to 0.05 is empty"),
        (changed(recipe__lr={"type": "float", "low": 0.1, "heigh": 0.2}), "unknown key 'heigh'"),
        (changed(recipe__lr={"type": "flaot", "low": 0.1, "high": 0.2}), "'flaot' is not a legal word"),
        (changed(recipe__lr={"type": "float", "low": 0.0, "high": 0.2, "log": True}), "log from 0.0"),
        (changed(recipe__epochs={"type": "int", "low": 4, "high": 9, "step": 2}), "do not reach 9"),
        (changed(norm={"type": "categorical", "choices": ["bn", "an_bn", "an_bm"]}), "unknown norm 'an_bm'"),
        (changed(norm={"type": "int", "low": 0, "high": 1}), "norm is a group of files"),
        (changed(norm__attention__components={**SPACE["norm.attention.components"], "length": 3}), "4 "),
        (changed(recipe__lr={**SPACE["recipe.lr"], "when": {"norm": "gn"}}), "norm is never 'gn'"),
        (changed(recipe__lr={**SPACE["recipe.lr"], "when": {"recipe.epochs": 4}}), "not chosen before it"),
        ({"space": {}}, "the space is empty"),
        ({"objectives": ["top2_error_pct"]}, "no run of it records 'top2_error_pct'"),
        ({"objectives": ["top1_error_pct", "params"], "pruner": {"name": "median", "rungs": [1]}}, "by one number"),
        ({"pruner": "median"}, "median with rungs []"),
        ({"pruner": {"name": "median", "rungs": [4]}}, "the first rung is epoch 4, and a trial has 4"),
        ({"budget": {"trials": 0}}, "a budget is above 0"),
        ({"report_seeds": [1, 2]}, "the winner is chosen on seed 1"),
        ({"start": [{"recipe.lr": 3.0}]}, "lies outside the space"),
        ({"start": [{"recipe.epoch": 4}]}, "'recipe.epoch' is not in the space"),
        ({"start": ["table2_small"]}, "lies outside the space"),
    ],
)
def test_a_bad_search_ends_in_one_clear_line(search: Mapping[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        candidates(**search).check()
    text = str(caught.value)
    assert message in text
    assert "tried" in text
    assert "\n" not in text


def test_wilcoxon_needs_seeds_to_prune_over() -> None:
    with pytest.raises(StudyError, match="two seeds"):
        study_of("one", {"search": {**_search(), "pruner": "wilcoxon"}}, Path("one.yaml"))


def _search() -> dict[str, Any]:
    return {"space": SPACE, "objectives": ["top1_error_pct"], "budget": {"trials": 8}}


def test_a_study_is_rows_or_a_search_and_words_may_not_overrule_the_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StudyError, match="rows or a search"):
        study_of("both", {"rows": [{"label": "a", "baseline": True}], "search": _search()}, Path("both.yaml"))
    monkeypatch.chdir(tmp_path)
    Path("sweeps").mkdir()
    Path("sweeps/mine.yaml").write_text(dump_yaml({"base": BASE, "search": _search()}))
    with pytest.raises(StudyError, match=r"the search chooses recipe\.lr"):
        load_study("mine", ["recipe.lr=0.1"])
    assert load_study("mine", ["recipe.momentum=0.8"]).search is not None


ALL = Space(
    {
        "norm": CategoricalParameter(type=ParameterKind.CATEGORICAL, choices=("bn", "an_bn")),
        "norm.attention.components": IntParameter(
            type=ParameterKind.INT, low=2, high=20, step=3, length=4, order=Order.NON_DECREASING, when={"norm": "an_bn"}
        ),
        "recipe.label_smoothing": FloatParameter(type=ParameterKind.FLOAT, low=0.0, high=0.2, step=0.05),
        "recipe.lr": FloatParameter(type=ParameterKind.FLOAT, low=0.05, high=0.8, log=True),
    }
)


@given(st.data())
def test_every_choice_becomes_a_config_and_the_config_that_choice(data: Any) -> None:
    raw = {"norm": data.draw(st.sampled_from(["bn", "an_bn"]))}
    raw |= {f"norm.attention.components[{index}]": data.draw(st.sampled_from(range(2, 21, 3))) for index in range(4)}
    raw["recipe.label_smoothing"] = data.draw(st.sampled_from([0.0, 0.05, 0.1, 0.15000000000000002, 0.2]))
    raw["recipe.lr"] = data.draw(st.floats(0.05, 0.8))
    params = ALL.canonical(raw)
    assert ALL.canonical(params) == params, "one spelling"
    vector = [value for name, value in params.items() if "components" in name]
    assert vector == sorted(vector)
    assert bool(vector) is (params["norm"] == "an_bn")
    values = {key: ALL.value(key, params) for key in ALL.parameters if ALL.names(key)[0] in params}
    assert ALL.params_of(values, {"norm": params["norm"]}) == params


def test_every_vector_of_the_space_has_a_spelling() -> None:
    vector = IntParameter(type=ParameterKind.INT, low=1, high=3, length=2, order=Order.NON_DECREASING)
    space = Space({"k": vector})
    found = {tuple(space.canonical({"k[0]": a, "k[1]": b}).values()) for a in (1, 2, 3) for b in (1, 2, 3)}
    assert found == {(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)}


def test_a_choice_becomes_cells_and_their_config_that_choice() -> None:
    made = candidates()
    params = {"norm": "bn", "recipe.lr": 0.3, "recipe.label_smoothing": 0.1, "recipe.epochs": 6}
    cells = made.cells(7, params)
    assert [cell.label for cell in cells] == ["trial=0007,seed=0", "trial=0007,seed=1"]
    assert [cell.config.recipe.lr for cell in cells] == [0.3, 0.3]
    assert made.is_choice(cells[1].config, cells[1].choices) == params
    other = COMPOSER.compose([*BASE, "norm=bn", "recipe.epochs=6", "recipe.momentum=0.5"])
    assert made.is_choice(other.cell, other.choices) is None


def test_another_study_s_rows_are_points_to_start_from() -> None:
    gates = {"norm.attention.gate": {"type": "categorical", "choices": ["hsigmoid", "softmax", "sigmoid"]}}
    heads = {"norm.attention.head": {"type": "categorical", "choices": ["a1", "a2"]}}
    squeezes = {"norm.attention.squeeze": {"type": "categorical", "choices": ["mean", "mean_std", "rsd"]}}
    vector = {"norm.attention.components": {"type": "int", "low": 5, "high": 40, "length": 4}}
    points = candidates(space={**gates, **heads, **squeezes, **vector}, start=["table1"]).start_points()
    assert len(points) == 8
    assert [point["norm.attention.gate"] for point in points].count("softmax") == 1
