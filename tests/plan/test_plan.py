"""A study becomes a plan: rows, cells, ids, labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.config import CellConfig, Composer, cell_id
from an_cli.errors import StudyError
from an_cli.plan import Plan, load_study, make_plan
from an_cli.plan.labels import LabelReference, make_labels

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, composer: Composer) -> MakePlan:
    """The plan of a study text, written into an empty working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()

    def make(text: str, *overrides: str) -> Plan:
        (tmp_path / "sweeps" / "mine.yaml").write_text(text)
        return make_plan(load_study("mine", overrides), composer)

    return make


def _named_ids(plan: Plan) -> dict[str, str]:
    return {cell.label: cell.id for cell in plan.cells}


@pytest.mark.parametrize("study", ["table1", "demo"])
def test_ids_are_the_same_on_every_machine_and_next_year(
    study: str, composer: Composer, golden: Callable[[str, object], None]
) -> None:
    golden(f"cell_ids_{study}.json", _named_ids(make_plan(load_study(study), composer)))


def test_table_1_has_its_eight_rows_and_a_cell_for_each(composer: Composer) -> None:
    plan = make_plan(load_study("table1"), composer)
    assert len(plan.rows) == len(plan.cells) == 8
    assert [row.baseline for row in plan.rows] == [True] + [False] * 7
    assert {row.gain_over for row in plan.rows} == {plan.rows[0].label}
    assert all(row.kind == "trained" and row.published is not None for row in plan.rows)


def test_the_demo_has_three_cells_per_row_one_per_seed(composer: Composer) -> None:
    plan = make_plan(load_study("demo"), composer)
    assert [len(row.cells) for row in plan.rows] == [3] * 8
    for row in plan.rows:
        assert [plan.cell(run_id).config.seed for run_id in row.cells] == [0, 1, 2]


def test_a_cell_carries_its_config_its_id_and_its_choices(composer: Composer) -> None:
    for cell in make_plan(load_study("demo"), composer).cells:
        assert cell.id == cell_id(cell.config)
        assert cell.choices["model"] == "resnet_small"
        assert cell.depends_on == ()


def test_the_note_of_a_published_row_is_the_ledger_s(composer: Composer) -> None:
    rows = {row.label: row for row in make_plan(load_study("table1"), composer).rows}
    assert "25,652,450" in rows["K=(5,5,10,10)"].note
    assert rows["mean"].note == ""


def test_the_same_experiment_in_two_studies_is_one_run(composer: Composer, plan_of: MakePlan) -> None:
    table = make_plan(load_study("table1"), composer)
    mine = plan_of("rows: [{label: mine, baseline: true, set: [norm.attention.squeeze=mean]}]")
    assert mine.cells[0].id in {cell.id for cell in table.cells}


def test_rows_of_two_groups_that_resolve_to_one_config_share_their_run(plan_of: MakePlan) -> None:
    plan = plan_of("rows: [{label: a, group: x, baseline: true}, {label: b, group: y, baseline: true, "
                   "set: [norm.attention.gate=hsigmoid]}, {label: c, group: y, set: [norm=bn]}]")  # fmt: skip
    assert plan.rows[0].cells == plan.rows[1].cells
    assert len(plan.cells) == 2


def test_overrides_change_every_cell(composer: Composer) -> None:
    before = {cell.id for cell in make_plan(load_study("table1"), composer).cells}
    after = make_plan(load_study("table1", ["recipe.epochs=2", "recipe.warmup_epochs=1"]), composer)
    assert not before & {cell.id for cell in after.cells}
    assert {cell.config.recipe.epochs for cell in after.cells} == {2}


def test_seeds_on_the_command_line_make_a_cell_per_row_and_seed(composer: Composer) -> None:
    plan = make_plan(load_study("table1", ["seed=4,5"]), composer)
    assert [[plan.cell(one).config.seed for one in row.cells] for row in plan.rows] == [[4, 5]] * 8
    assert len(_named_ids(plan)) == 16


def test_gain_over_names_a_row_or_the_group_s_baseline(plan_of: MakePlan) -> None:
    plan = plan_of("""
rows:
  - {label: a, group: g, baseline: true}
  - {label: b, group: g, set: [norm=bn]}
  - {label: c, group: g, set: [norm=gn], gain_over: b}
  - {label: d, group: h, set: [norm=an_gn], baseline: true}
""")
    assert [row.gain_over for row in plan.rows] == ["a", "a", "b", "d"]


def test_a_literature_row_has_a_published_number_and_no_cell(plan_of: MakePlan) -> None:
    plan = plan_of("paper: table1\nrows: [{label: a, baseline: true}, {label: b, literature: softmax}]")
    quoted = plan.rows[1]
    assert (quoted.kind, quoted.cells) == ("literature", ())
    assert quoted.published is not None
    assert quoted.published.top1_error_pct == 21.72
    assert len(plan.cells) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rows: [{label: a, baseline: true, set: [norm.attention.gate=softmx]}]",
            "'softmx' is not a legal word (mine, row 'a': norm.attention.gate) -> did you mean softmax?",
        ),
        ("rows: [{label: a, baseline: true, set: [nrom=bn]}]", "unknown key 'nrom' (mine, row 'a': override)"),
        ("base: ['recipe.lr=1,2']\nrows: [{label: a, baseline: true}]", "names 2 values where one is meant (mine, row"),
        (
            "rows: [{label: a, baseline: true, set: ['norm.attention.components=[1,2]']}]",
            "has 2 values (K), the model has 4 stages (mine, row 'a': norm.attention.components)",
        ),
        ("paper: table9\nrows: [{label: a, baseline: true}]", "unknown ledger 'table9'"),
        (
            "paper: table1\nrows: [{label: a, baseline: true, paper: bset}]",
            "no published row 'bset' (mine, row 'a') -> did you mean best?",
        ),
        ("rows: [{label: a, baseline: true}, {label: b, literature: best}]", "no published row 'best' (mine, row 'b')"),
    ],
)
def test_a_row_that_does_not_compose_is_named(text: str, message: str, plan_of: MakePlan) -> None:
    with pytest.raises(StudyError) as caught:
        plan_of(text)
    assert message in str(caught.value)


def test_labels_print_only_what_differs(composer: Composer) -> None:
    labels = list(_named_ids(make_plan(load_study("demo"), composer)))
    assert labels[:4] == ["seed=0", "seed=1", "seed=2", "squeeze=mean,seed=0"]


def test_labels_of_one_seed_do_not_repeat_it(composer: Composer) -> None:
    labels = list(_named_ids(make_plan(load_study("table1"), composer)))
    assert labels[:3] == ["baseline", "squeeze=mean", "squeeze=mean_std"]
    assert "components=5-5-10-10" in labels


def test_a_network_without_attention_says_so_once(plan_of: MakePlan) -> None:
    plan = plan_of("rows: [{label: a, baseline: true}, {label: b, set: [norm=bn]}, "
                   "{label: c, set: [norm.attention.gate=softmax]}]")  # fmt: skip
    assert [cell.label for cell in plan.cells] == ["baseline", "norm=bn", "gate=softmax"]


def test_keys_with_one_last_word_are_told_apart(plan_of: MakePlan) -> None:
    plan = plan_of("grid: {norm.momentum: [0.1, 0.2], recipe.momentum: [0.9, 0.8]}")
    assert [cell.label for cell in plan.cells][1:] == [
        "recipe.momentum=0.8", "norm.momentum=0.2", "norm.momentum=0.2,recipe.momentum=0.8",
    ]  # fmt: skip


@pytest.mark.parametrize("study", ["table1", "demo"])
def test_labels_are_unique_and_safe_as_file_names(study: str, composer: Composer) -> None:
    plan = make_plan(load_study(study, ["seed=0,1"]), composer)
    labels = [cell.label for cell in plan.cells]
    assert len(set(labels)) == len(plan.cells)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9=.,_+~-]*", label) and len(label) < 150 for label in labels)


def test_labels_name_the_choices_of_groups_and_what_a_row_changes_besides(plan_of: MakePlan) -> None:
    plan = plan_of(
        """
base: [model=resnet_small, norm=an_bn, recipe=demo, data=fashion_mnist_small]
rows:
  - {label: "AN", baseline: true}
  - {label: "BN", set: [norm=bn]}
  - {label: "BN, fast", set: [norm=bn, recipe.lr=0.9]}
  - {label: "MobileNet", set: [model=mobilenet_small]}
  - {label: "softmax", set: [norm.attention.gate=softmax]}
"""
    )
    assert [cell.label for cell in plan.cells] == [
        "baseline", "norm=bn", "norm=bn,lr=0.9", "model=mobilenet_small", "gate=softmax",
    ]  # fmt: skip


def test_hostile_and_endless_values_make_unique_safe_labels(composer: Composer) -> None:
    folders = ["../../etc", "a/b", "a b", "a?b", "é" * 300, "é" * 301, "x" * 300, "x" * 299 + "y", "..", ""]
    configs: dict[str, CellConfig] = {}
    for folder in folders:
        config = composer.compose([f'data.folder="{folder}"']).cell
        configs[cell_id(config)] = config
    told = LabelReference(choices={}, reference=next(iter(configs.values())))
    labels = make_labels(configs, dict.fromkeys(configs, told)).values()
    assert len(set(labels)) == len(folders)
    assert all(re.fullmatch(r"[A-Za-z0-9=.,_+~-]+", label) and len(label) < 150 for label in labels)
    assert not any(label.startswith(".") for label in labels)


def test_without_a_trained_baseline_labels_still_tell_cells_apart(composer: Composer) -> None:
    configs = {cell_id(cell): cell for cell in (composer.compose([f"seed={seed}"]).cell for seed in (0, 1))}
    told = LabelReference(choices={}, reference=composer.compose([]).cell)
    labels = make_labels(configs, dict.fromkeys(configs, told)).values()
    assert len(set(labels)) == 2


def test_a_thousand_cells_are_planned_without_asking_hydra_again(
    plan_of: MakePlan, composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_of("rows: [{label: a, baseline: true}]")
    monkeypatch.setattr(composer, "_folders", [])  # Hydra would find nothing
    plan = plan_of("seeds: [" + ", ".join(map(str, range(200))) + "]\ngrid: {recipe.lr: [0.1, 0.2, 0.3, 0.4, 0.5]}")
    assert len(plan.cells) == len({cell.label for cell in plan.cells}) == 1000
