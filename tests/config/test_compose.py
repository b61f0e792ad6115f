"""Composition: names and overrides become a cell, by the fast way as by Hydra itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from an_cli.config import CellConfig, Composer, LaunchConfig, cell_id, compose, read, search_path
from an_cli.config.schema import Gate, Precision, Standardize
from an_cli.errors import ConfigError

SAMPLES: list[list[str]] = [
    [],
    ["norm=bn"],
    ["norm=gn", "model=resnet101"],
    ["norm=an_gn", "seed=7"],
    ["norm.attention.gate=softmax", "norm.attention.gate=sigmoid"],
    ["norm.attention.components=[5,5,10,10]"],
    ["model.components=[5,5,10,10]"],
    ["model.components=[5,5,10,10]", "norm.attention.components=[1,2,3,4]"],
    ["model.blocks=[1,1]", "model.widths=[8,8]", "model.components=[2,3]"],
    ["norm.attention={gate: softmax, head: a1}"],
    ["norm.attention.gate=softmax", "norm.attention={head: a1}", "norm.attention.gate=sigmoid"],
    ["norm.attention=null", "norm.placement=null"],
    ["recipe=demo", "model=resnet_small", "data=fashion_mnist_small", "recipe.epochs=2"],
    ["recipe=demo", "model=resnet_small", "data=synthetic", "data.train_samples=64", "launch.processes=2"],
    ["recipe.lr=${recipe.momentum}", "recipe.momentum=0.5"],
    ["recipe.precision=fp16", "recipe.loss_scale=128", "launch.data_root=/data"],
]


def _by_hydra(overrides: list[str], folder: Path) -> tuple[CellConfig, LaunchConfig]:
    """The slow way: everything through Hydra, then the same reader."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(folder), version_base="1.3"):
        tree: Any = OmegaConf.to_container(hydra_compose("config", overrides=overrides), resolve=True)
    for spent in ("components", "width_factor"):
        tree["model"].pop(spent)
    return read(LaunchConfig, tree.pop("launch")), read(CellConfig, tree)


@pytest.mark.parametrize("overrides", SAMPLES, ids=" ".join)
def test_the_fast_way_composes_what_hydra_composes(overrides: list[str], composer: Composer) -> None:
    ours = composer.compose(overrides)
    assert (ours.launch, ours.cell) == _by_hydra(overrides, search_path.shipped("conf"))


_WORDS = {
    "norm": ["an_bn", "an_gn"],
    "model": ["resnet50", "resnet101"],
    "seed": ["0", "5"],
    "recipe.lr": ["1", "0.05"],
    "model.components": ["[1,2,3,4]", "[4,4,4,4]"],
    "norm.attention.squeeze": ["mean", "rsd"],
    "norm.attention": ["{gate: softmax}", "{head: a1, gate: sigmoid}"],
    "norm.attention.gate": ["softmax", "hsigmoid"],
    "launch.loader_workers": ["0", "3"],
}
_WORD = st.sampled_from([f"{key}={value}" for key, values in _WORDS.items() for value in values])


@settings(max_examples=8)
@given(st.lists(_WORD, max_size=5))
def test_any_mix_of_words_composes_as_hydra_does(overrides: list[str]) -> None:
    ours = compose(overrides)
    assert (ours.launch, ours.cell) == _by_hydra(overrides, search_path.shipped("conf"))


def test_choices_name_what_was_chosen_per_group(composer: Composer) -> None:
    assert composer.compose(["norm=bn"]).choices == {
        "model": "resnet50", "norm": "bn", "recipe": "vanilla", "data": "imagenet", "launch": "local",
    }  # fmt: skip


def test_hydra_is_asked_once_per_choice_of_groups(composer: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    composer.compose(["norm=bn", "seed=1"])

    def asked_again(*_: object) -> None:
        raise AssertionError("Hydra was asked again for the same groups")

    monkeypatch.setattr(sys.modules["an_cli.config.compose"], "_ask_hydra", asked_again)
    assert composer.compose(["seed=2", "norm=bn", "recipe.lr=0.3"]).cell.recipe.lr == 0.3


def test_composing_leaves_no_trace_in_the_next_one(composer: Composer) -> None:
    before = composer.compose(["norm=an_bn"]).cell
    composer.compose(["norm=an_bn", "norm.attention.gate=softmax", "norm.attention.components=[1,1,1,1]"])
    composer.compose(["norm=an_bn", "norm.attention={gate: softmax}", "model.components=[9,9,9,9]"])
    assert composer.compose(["norm=an_bn"]).cell == before


def test_the_paper_s_best_design_is_the_default(composer: Composer) -> None:
    attention = composer.compose().cell.norm.attention
    assert attention is not None
    assert (attention.squeeze, attention.head, attention.gate) == ("rsd", "a2", "hsigmoid")
    assert attention.components == (10, 10, 20, 20)


def test_a_bn_network_carries_nothing_of_attention_into_its_id(composer: Composer) -> None:
    plain_bn = composer.compose(["norm=bn"])
    other_k = composer.compose(["norm=bn", "model.components=[1,1,1,1]"])
    assert cell_id(plain_bn.cell) == cell_id(other_k.cell)


@pytest.mark.parametrize("word", ["launch.processes=4", "launch.device=cpu", "launch.data_root=/x", "launch=local"])
def test_the_id_does_not_depend_on_launch(word: str, composer: Composer) -> None:
    assert cell_id(composer.compose([word]).cell) == cell_id(composer.compose().cell)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["nrom=bn"], "unknown key 'nrom' (override) -> did you mean norm?"),
        (["norm=an_bm"], "unknown norm 'an_bm' (norm) -> did you mean an_bn? legal: an_bn, an_gn, bn, bn_se, gn, sn"),
        (["model=resnet_5"], "unknown model 'resnet_5' (model) -> did you mean resnet50?"),
        (["norm=null"], "unknown norm 'null'"),
        (["norm.attention.gat=softmax"], "unknown key 'norm.attention.gat' (override) -> did you mean norm.attention."),
        (["norm.attention.gate=softmx"], "'softmx' is not a legal word (norm.attention.gate) -> did you mean softmax?"),
        (["norm=bn", "norm.attention.gate=softmax"], "has no place: norm.attention is null here"),
        (["recipe.lr.x=1"], "unknown key 'recipe.lr.x'"),
        (["recipe=demo", "recipe.x=1", "model=resnet_small"], "unknown key 'recipe.x'"),
        (["norm.attention=softmax"], "'softmax' cannot replace all of 'norm.attention' (norm.attention) -> set one of"),
        (["norm.attention={gat: softmax}"], "unknown key 'norm.attention.gat'"),
        (["recipe.lr=fast"], "'fast' is not a number (recipe.lr)"),
        (["recipe.lr=${recipe.nothing}"], "cannot resolve"),
        (["recipe.lr=0.1,0.2"], "names 2 values where one is meant"),
        (["norm=bn,gn"], "names 2 values where one is meant"),
        (["=1"], "'=1' is not an override"),
        (["hydra.verbose=true"], "unknown key 'hydra.verbose'"),
        (["detector=maskrcnn"], "is not legal here (detector)"),
    ],
)
def test_a_word_that_does_not_compose_is_explained_in_one_line(
    overrides: list[str], message: str, composer: Composer
) -> None:
    with pytest.raises(ConfigError) as caught:
        composer.compose(overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


_SMALL = ["model=resnet_small", "recipe=demo", "data=fashion_mnist_small"]


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        (["norm.attention.components=[10,10,20]"], "norm.attention.components"),
        (["norm.attention.components=[10,10,20,0]"], "norm.attention.components"),
        (["model.widths=[1,2]"], "model.widths"),
        (["model.blocks=[3,4,6,0]"], "model.blocks"),
        (["model.blocks=[]", "model.widths=[]"], "model.blocks"),
        (["model.expansion=0"], "model.expansion"),
        (["norm=bn", "norm.placement=all"], "norm.placement"),
        (["norm.attention=null"], "norm.placement"),
        (["norm.groups=32"], "norm.groups"),
        (["norm=gn", "norm.groups=null"], "norm.groups"),
        (["norm=gn", "norm.groups=0"], "norm.groups"),
        (["norm=gn", "norm.momentum=0.1"], "norm.momentum"),
        (["norm.momentum=0"], "norm.momentum"),
        (["norm.momentum=1.5"], "norm.momentum"),
        (["norm.eps=0"], "norm.eps"),
        (["norm.attention.eps=-1e-3"], "norm.attention.eps"),
        (["recipe.epochs=0"], "recipe.epochs"),
        (["recipe.cpu_threads=0"], "recipe.cpu_threads"),
        (["recipe.lr=-0.1"], "recipe.lr"),
        (["recipe.label_smoothing=1"], "recipe.label_smoothing"),
        (["recipe.warmup_epochs=120"], "recipe.warmup_epochs"),
        (["recipe.precision=fp16"], "recipe.loss_scale"),
        (["recipe.loss_scale=128"], "recipe.loss_scale"),
        (["recipe.precision=fp16", "recipe.loss_scale=0"], "recipe.loss_scale"),
        (["recipe.nesterov=true", "recipe.momentum=0"], "recipe.nesterov"),
        (["data.classes=0"], "data.classes"),
        (["data.mean=[0.5]"], "data.mean"),
        (["data.std=[0.2,0.2,0]"], "data.std"),
        (["data.resize=128"], "data.resize"),
        (["data.folder=null"], "data.folder"),
        ([*_SMALL, "data.folder=x"], "data.folder"),
        (["recipe.augment=shift_flip"], "recipe.augment"),
        ([*_SMALL, "recipe.augment=random_resized_crop"], "recipe.augment"),
        (["seed=-1"], "seed"),
        (["launch.processes=0"], "launch.processes"),
        (["launch.loader_workers=-1"], "launch.loader_workers"),
        (["launch.checkpoint_interval_s=0"], "launch.checkpoint_interval_s"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused_before_anything_starts(
    overrides: list[str], where: str, composer: Composer
) -> None:
    with pytest.raises(ConfigError) as caught:
        composer.compose(overrides)
    assert caught.value.where == where
    assert caught.value.now


def test_k_of_the_wrong_length_says_how_many_stages_there_are(composer: Composer) -> None:
    with pytest.raises(ConfigError, match=r"\[10, 10, 20\] has 3 values \(K\), the model has 4 stages"):
        composer.compose(["norm.attention.components=[10,10,20]"])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, away from the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


SHIPPED_AN_BN = (search_path.shipped("conf") / "norm" / "an_bn.yaml").read_text()


@pytest.mark.usefixtures("own")
def test_an_empty_directory_composes_from_what_is_shipped(composer: Composer) -> None:
    assert compose().cell == composer.compose().cell


def test_a_user_s_own_norm_is_a_file_in_their_conf(own: Path) -> None:
    _write(own / "conf/norm/mine.yaml", SHIPPED_AN_BN.replace("gate: hsigmoid", "gate: softmax"))
    attention = compose(["norm=mine", "model=resnet101"]).cell.norm.attention
    assert attention is not None
    assert (attention.gate, attention.components) == (Gate.SOFTMAX, (10, 10, 20, 20))


def test_a_user_s_own_names_are_legal_words(own: Path) -> None:
    _write(own / "conf/norm/mine.yaml", SHIPPED_AN_BN)
    with pytest.raises(ConfigError, match="did you mean mine"):
        compose(["norm=mien"])


def test_a_user_s_file_wins_over_the_shipped_one_and_changes_the_id(own: Path, composer: Composer) -> None:
    _write(own / "conf/norm/bn.yaml", "{standardize: bn, eps: 1e-3, momentum: 0.1, groups: null, placement: null, "
           "attention: null}")  # fmt: skip
    mine, shipped = compose(["norm=bn"]).cell, composer.compose(["norm=bn"]).cell
    assert (mine.norm.eps, shipped.norm.eps) == (1e-3, 1e-5)
    assert cell_id(mine) != cell_id(shipped)
    assert search_path.find("conf", "norm/bn", error=ConfigError, what="norm").shadows is not None


def test_a_user_s_folder_is_forgotten_when_they_leave_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(own / "conf/norm/mine.yaml", SHIPPED_AN_BN)
    compose(["norm=mine"])
    monkeypatch.chdir(own.parent)
    with pytest.raises(ConfigError, match="unknown norm 'mine'"):
        compose(["norm=mine"])


def test_changing_a_default_changes_the_id(own: Path, composer: Composer) -> None:
    text = (search_path.shipped("conf") / "recipe" / "vanilla.yaml").read_text()
    _write(own / "conf/recipe/vanilla.yaml", text.replace("weight_decay: 1e-4", "weight_decay: 5e-5"))
    assert cell_id(compose().cell) != cell_id(composer.compose().cell)


def test_rewriting_a_comment_or_a_number_s_spelling_keeps_the_id(own: Path, composer: Composer) -> None:
    text = (search_path.shipped("conf") / "recipe" / "vanilla.yaml").read_text()
    _write(own / "conf/recipe/vanilla.yaml", "# another comment\n" + text.replace("1e-4", "0.0001"))
    assert compose().cell == composer.compose().cell


def test_a_file_with_an_unknown_key_is_refused(own: Path) -> None:
    _write(own / "conf/norm/mine.yaml", SHIPPED_AN_BN + "epss: 1\n")
    with pytest.raises(ConfigError, match=r"unknown key 'epss' .* did you mean eps"):
        compose(["norm=mine"])


def test_a_file_without_a_key_is_refused(own: Path) -> None:
    _write(own / "conf/norm/mine.yaml", SHIPPED_AN_BN.replace("placement: second\n", ""))
    with pytest.raises(ConfigError, match=r"missing key 'placement' \(norm.placement\)"):
        compose(["norm=mine"])


def test_a_file_that_is_not_yaml_is_refused_in_one_line(own: Path) -> None:
    _write(own / "conf/norm/mine.yaml", "standardize: [bn\n")
    with pytest.raises(ConfigError, match="not YAML that can be read") as caught:
        compose(["norm=mine"])
    assert "\n" not in str(caught.value)


def test_a_model_without_its_part_of_a_recipe_names_the_missing_file(own: Path) -> None:
    _write(own / "conf/model/mine.yaml", (search_path.shipped("conf") / "model" / "resnet50.yaml").read_text())
    with pytest.raises(ConfigError, match="recipe/vanilla/mine"):
        compose(["model=mine"])


_REFERENCES = ["${.lr}", "${recipe.lr}", "${recipe[lr]}", "${recipe.${oc.decode:lr}}", "${oc.select:recipe.lr}"]


@pytest.mark.parametrize("reference", _REFERENCES)
def test_a_value_derived_from_another_one_follows_it(own: Path, reference: str) -> None:
    text = (search_path.shipped("conf") / "recipe" / "vanilla.yaml").read_text()
    _write(own / "conf/recipe/mine.yaml", text.replace("\nmomentum: 0.9", f"\nmomentum: {reference}"))
    assert compose(["recipe=mine"]).cell.recipe.momentum == 0.4
    assert compose(["recipe=mine", "recipe.lr=0.25"]).cell.recipe.momentum == 0.25


def test_words_of_the_schema_are_the_words_of_the_files(composer: Composer) -> None:
    assert composer.compose(["norm=gn"]).cell.norm.standardize is Standardize.GN
    assert composer.compose(["recipe.precision=bf16"]).cell.recipe.precision is Precision.BF16


def test_science_may_not_be_derived_from_a_launch_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf" / "data"
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text("defaults: [synthetic, _self_]\ntrain_samples: ${launch.loader_workers}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"data.train_samples is derived from launch.loader_workers"):
        Composer().compose(["data=site", "recipe=demo", "model=resnet_small"])
