from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from an_cli.config import Composed, Composer, cell_id
from an_cli.config.schema import Device
from an_cli.errors import DataError, LaunchError
from an_cli.launch import Share, check_data, prepare_study, reconcile, settle, share_machine, visible_gpus
from an_cli.launch.standing import RunStanding
from an_cli.plan import Cell
from an_cli.store import Status, Store
from tests.tiny import TINY


def on_disk(status: Status) -> RunStanding:
    return RunStanding(status=status, on_disk=status)


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
    assert share_machine([config] * cells, launch, cores=8, gpus=()) == Share(at_once=share[0], threads=share[1])


def test_libraries_are_told_their_share() -> None:
    environment = Share(at_once=2, threads=3).environment
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "3"


def test_memory_is_kept_between_training_steps() -> None:
    environment = Share(at_once=2, threads=3).environment
    assert int(environment["MALLOC_MMAP_THRESHOLD_"]) <= 32 << 20  # glibc refuses more without a word


@pytest.mark.parametrize(
    ("settings", "gpus", "cells", "expected"),
    [
        ({}, "0123", 24, Share(at_once=4, threads=2, gpus=("0", "1", "2", "3"))),
        ({}, "0123", 1, Share(at_once=1, threads=8, gpus=("0", "1", "2", "3"))),
        ({"gpus": 2}, "0123", 24, Share(at_once=2, threads=4, gpus=("0,1", "2,3"))),
        ({"gpus": 2}, "012", 24, Share(at_once=1, threads=8, gpus=("0,1",))),
        ({"ranks": 2}, "0123", 24, Share(at_once=2, threads=2, gpus=("0,1", "2,3"))),
        ({"processes": 3}, "0", 24, Share(at_once=3, threads=2, gpus=("0",))),
        ({"gpus": 0}, "0123", 24, Share(at_once=8, threads=1)),
        ({"device": Device.CPU}, "0123", 24, Share(at_once=8, threads=1)),
        ({}, "", 24, Share(at_once=8, threads=1)),
    ],
)
def test_every_cell_has_gpus_of_its_own(
    settings: dict[str, Any], gpus: str, cells: int, expected: Share, tiny: Composed
) -> None:
    launch = dataclasses.replace(tiny.launch, **{"device": Device.AUTO, **settings})
    config = dataclasses.replace(tiny.cell, recipe=dataclasses.replace(tiny.cell.recipe, cpu_threads=None))
    assert share_machine([config] * cells, launch, cores=8, gpus=tuple(gpus)) == expected


def test_more_gpus_than_there_are_is_an_error(tiny: Composed) -> None:
    launch = dataclasses.replace(tiny.launch, device=Device.AUTO, gpus=3)
    with pytest.raises(LaunchError, match=r"a cell wants 3 GPUs, and 2 can be seen \(launch.gpus\)"):
        share_machine([tiny.cell], launch, gpus=("0", "1"))


@pytest.mark.parametrize(
    ("named", "found"),
    [("0,2", ("0", "2")), ("GPU-ab", ("GPU-ab",)), ("", ()), ("-1", ()), (None, ("0", "1", "10"))],
)
def test_gpus_are_found_without_asking_the_driver(named: str | None, found: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia10", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert visible_gpus(environment, tmp_path) == found


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
    prepare_study("s", reconcile([cell], {cell.id: on_disk(Status.MISSING)}), store)
    run = store.run(cell.id)
    assert not run.job.exists(), "the place that takes it says how it is started"
    assert (store.studies / "s" / "x=1").resolve() == run.path


def test_a_finished_cell_is_linked_and_not_touched(tiny: Composed, store: Store) -> None:
    cell = a_cell(tiny)
    store.run(cell.id).path.mkdir(parents=True)
    prepare_study("other", reconcile([cell], {cell.id: on_disk(Status.FINISHED)}), store)
    assert (store.studies / "other" / "x=1").resolve() == store.run(cell.id).path
    assert list(store.run(cell.id).path.iterdir()) == []
