from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from an_cli.config import Composed, Composer, cell_id
from an_cli.config.schema import Device
from an_cli.errors import DataError
from an_cli.files import read_json
from an_cli.launch import Share, check_data, prepare_study, reconcile, settle, share_cores
from an_cli.plan import Cell
from an_cli.store import Status, Store
from tests.tiny import TINY


@pytest.fixture
def tiny(composer: Composer) -> Composed:
    return composer.compose(TINY)


@pytest.fixture
def imagenet(composer: Composer) -> Composed:
    return composer.compose()


def a_cell(composed: Composed) -> Cell:
    return Cell(config=composed.cell, id=cell_id(composed.cell), label="x=1", choices=composed.choices)


@pytest.mark.parametrize(
    ("processes", "threads", "cells", "share"),
    [
        (None, 1, 24, (8, 1)),
        (None, 3, 24, (2, 3)),
        (None, 16, 24, (1, 16)),
        (None, None, 24, (8, 1)),
        (None, None, 1, (1, 8)),
        (3, None, 24, (3, 2)),
        (16, None, 24, (16, 1)),
        (2, 1, 24, (2, 1)),
    ],
)
def test_eight_cores_are_all_used_and_none_twice(
    processes: int | None, threads: int | None, cells: int, share: tuple[int, int], tiny: Composed
) -> None:
    launch = dataclasses.replace(tiny.launch, processes=processes, device=Device.CPU)
    config = dataclasses.replace(tiny.cell, recipe=dataclasses.replace(tiny.cell.recipe, cpu_threads=threads))
    assert share_cores([config] * cells, launch, cores=8) == Share(at_once=share[0], threads=share[1])


def test_libraries_are_told_their_share() -> None:
    environment = Share(at_once=2, threads=3).environment
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "3"


def test_the_data_root_is_spelled_out(tiny: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AN_CLI_DATA", raising=False)
    assert settle(tiny.launch).data_root == str(tmp_path / "data")
    monkeypatch.setenv("AN_CLI_DATA", "/somewhere")
    assert settle(tiny.launch).data_root == "/somewhere"
    assert settle(dataclasses.replace(tiny.launch, data_root="here")).data_root == str(tmp_path / "here")


def test_a_missing_data_root_is_one_clear_error(imagenet: Composed, tmp_path: Path) -> None:
    launch = dataclasses.replace(imagenet.launch, data_root=str(tmp_path))
    with pytest.raises(DataError, match=r"imagenet is not a folder \(launch.data_root\) -> set launch.data_root=DIR"):
        check_data([a_cell(imagenet)], launch)
    (tmp_path / "imagenet").mkdir()
    check_data([a_cell(imagenet)], launch)


def test_one_cell_without_data_does_not_hold_up_the_others(imagenet: Composed, tiny: Composed, tmp_path: Path) -> None:
    check_data([a_cell(imagenet), a_cell(tiny)], dataclasses.replace(tiny.launch, data_root=str(tmp_path)))


def test_a_prepared_cell_has_all_a_process_needs(tiny: Composed, store: Store) -> None:
    cell = a_cell(tiny)
    prepare_study("s", reconcile([cell], {cell.id: Status.MISSING}), tiny.launch, store)
    run = store.run(cell.id)
    assert read_json(run.job)["on"] == "local"
    assert read_json(run.job)["launch"]["device"] == "cpu"
    assert (store.studies / "s" / "x=1").resolve() == run.path


def test_a_finished_cell_is_linked_and_not_touched(tiny: Composed, store: Store) -> None:
    cell = a_cell(tiny)
    store.run(cell.id).path.mkdir(parents=True)
    prepare_study("other", reconcile([cell], {cell.id: Status.FINISHED}), tiny.launch, store)
    assert (store.studies / "other" / "x=1").resolve() == store.run(cell.id).path
    assert list(store.run(cell.id).path.iterdir()) == []
