from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.config import Composer, cell_id
from an_cli.errors import ConfigError, LaunchError
from an_cli.files import read_json
from an_cli.launch import Costs, Door, cost_key, find_costs
from an_cli.launch.ask.costs import SHIPPED
from an_cli.launch.ask.ship_costs import count_shipped
from an_cli.plan import Cell, load_study, make_plan
from an_cli.store import Store
from tests.warm_door import warm_door

NO_DOOR = Door(command=("/does/not/exist",))


@pytest.fixture
def make_cell(composer: Composer) -> Callable[..., Cell]:
    def make(*words: str) -> Cell:
        composed = composer.compose(["model=resnet_small", "model.widths=[1,2,3,4]", "recipe=demo", *TINY, *words])
        return Cell(config=composed.cell, id=cell_id(composed.cell), label=" ".join(words), choices={})

    return make


TINY = ("data=synthetic", "norm.attention.components=[1,1,1,1]")


def test_table1_needs_no_heavy_door(store: Store) -> None:
    plan = make_plan(load_study("table1"))
    costs = find_costs(plan.cells, store, NO_DOOR)
    by_row = {row.label: costs[row.cells[0]].params for row in plan.rows}
    assert by_row["RSD + A2 + hsigmoid + K=(10,10,20,20)"] == 25_755_420
    assert by_row["K=(5,5,10,10)"] == 25_652_450
    assert not store.root.exists()


def test_cells_that_differ_in_seed_or_learning_rate_share_costs(make_cell: Callable[..., Cell]) -> None:
    keys = {cost_key(make_cell(word).config) for word in ("seed=0", "seed=1", "recipe.lr=0.5", "recipe.epochs=9")}
    assert len(keys) == 1


@pytest.mark.parametrize(
    "word",
    ["model.stem_width=4", "norm.attention.head=a1", "recipe.stem=conv7x7", "recipe.shortcut=average_pool",
     "data.classes=3", "data.image_size=64"],
)  # fmt: skip
def test_what_shapes_the_network_is_in_the_key(word: str, make_cell: Callable[..., Cell]) -> None:
    assert cost_key(make_cell(word).config) != cost_key(make_cell().config)


def test_an_answer_is_remembered(store: Store, fake_door: Door, make_cell: Callable[..., Cell]) -> None:
    cell = make_cell()
    assert find_costs([cell], store, fake_door) == {cell.id: Costs(params=10, macs=7)}
    assert find_costs([cell], store, NO_DOOR) == {cell.id: Costs(params=10, macs=7)}


def test_a_damaged_memory_is_asked_again(store: Store, fake_door: Door, make_cell: Callable[..., Cell]) -> None:
    cell = make_cell()
    find_costs([cell], store, fake_door)
    (remembered,) = store.costs.rglob("*.json")
    remembered.write_text('{"params": 1')
    assert find_costs([cell], store, fake_door)[cell.id].params == 10


def test_a_store_that_cannot_be_written_forgets(
    tmp_path: Path, fake_door: Door, make_cell: Callable[..., Cell]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    cell = make_cell()
    assert find_costs([cell], Store(tmp_path / "file"), fake_door)[cell.id].macs == 7


def test_a_network_that_cannot_be_built_is_said_with_its_cell(
    store: Store, fake_door: Door, make_cell: Callable[..., Cell]
) -> None:
    with pytest.raises(ConfigError, match=r"13 is unlucky \(model.stem_width=13: model.stem_width\) -> write 12"):
        find_costs([make_cell("model.stem_width=13")], store, fake_door)


def test_a_heavy_door_that_fails_is_an_error(store: Store, make_cell: Callable[..., Cell]) -> None:
    with pytest.raises(LaunchError, match="exit status 0"):
        find_costs([make_cell()], store, Door(command=("true",)))


@pytest.mark.slow
def test_the_shipped_costs_are_what_the_heavy_door_counts() -> None:
    assert count_shipped(Door(command=warm_door())) == read_json(SHIPPED)
