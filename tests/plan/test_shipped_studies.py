"""Every study that ships is a plan, and Tables 2 and 3 have the paper's rows with the networks' exact sizes."""

from __future__ import annotations

import pytest

from an_cli.config import Composer, search_path
from an_cli.errors import StudyError
from an_cli.launch import find_costs
from an_cli.plan import load_study, make_plan
from an_cli.plan.candidates import Candidates
from an_cli.store import Store

PARAMS = {
    "table2": {
        "ResNet-50-BN": 25_557_032,
        "ResNet-50-AN (w/ BN)": 25_755_420,
        "ResNet-101-BN": 44_549_160,
        "ResNet-101-AN (w/ BN)": 45_000_644,
        "MobileNet-v2-BN": 3_504_872,
        "MobileNet-v2-AN (w/ BN)": 3_672_760,
        "AOGNet-12M-BN": 12_259_099,
        "AOGNet-12M-AN (w/ BN)": 12_373_355,
        "AOGNet-40M-BN": 40_153_004,
        "AOGNet-40M-AN (w/ BN)": 40_388_880,
    },
    "table3": {
        "ResNet-50-BN": 25_576_264,
        "ResNet-50-AN (w/ BN)": 25_774_652,
        "ResNet-101-BN": 44_568_392,
        "ResNet-101-AN (w/ BN)": 45_019_876,
        "AOGNet-12M-BN": 12_259_099,
        "AOGNet-12M-AN (w/ BN)": 12_373_355,
        "AOGNet-40M-BN": 40_153_004,
        "AOGNet-40M-AN (w/ BN)": 40_388_880,
    },
}


@pytest.mark.parametrize("name", sorted(path.stem for path in search_path.shipped("sweeps").glob("*.yaml")))
def test_every_study_that_ships_is_a_plan(name: str, composer: Composer) -> None:
    study = load_study(name)
    if study.search is not None:
        Candidates(study, composer).check()
        return
    plan = make_plan(study, composer)
    assert plan.cells
    assert len({cell.label for cell in plan.cells}) == len(plan.cells)


@pytest.mark.parametrize("name", PARAMS)
def test_the_papers_networks_have_their_exact_sizes_without_torch(name: str, composer: Composer, tmp_path) -> None:
    plan = make_plan(load_study(name), composer)
    costs = find_costs(plan.cells, Store(tmp_path), door=None)
    found = {row.label: costs[row.cells[0]].params for row in plan.rows if row.kind == "trained"}
    assert found == PARAMS[name]
    assert not (tmp_path / ".an-cli").exists(), "the shipped costs answered; nothing was asked and nothing written"


def test_figure_1_shares_its_runs_with_table_2(composer: Composer) -> None:
    table, figure = (make_plan(load_study(name), composer) for name in ("table2", "fig1"))
    assert [cell.id for cell in table.cells] == [cell.id for cell in figure.cells]


def test_a_study_with_overrides_has_a_folder_of_its_own(composer: Composer) -> None:
    plain, changed, same = (
        make_plan(load_study("demo", words), composer)
        for words in ((), ("recipe.epochs=2", "seed=0"), ("seed=0", "recipe.epochs=2"))
    )
    assert plain.folder == "demo"
    assert changed.folder == same.folder != "demo"
    assert changed.study == "demo"


def test_rows_that_an_override_makes_one_experiment_are_refused(composer: Composer) -> None:
    with pytest.raises(StudyError, match=r"are the same experiment .*gate=softmax.* drop the override"):
        make_plan(load_study("demo", ["norm.attention.gate=softmax"]), composer)
