"""Batches: the same ones however they are read, resumed or shared out."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from an_cli.config import compose
from an_cli.config.schema import Augment, DataConfig, RecipeConfig
from an_cli.data import DataSet, loader_processes, make_data, make_eval_batches, make_train_batches
from an_cli.data.batches import Batch, _Reader
from an_cli.data.dataset import View, train_view
from an_cli.data.order import replica_samples
from an_cli.errors import ConfigError, DataError

Make = Callable[..., DataConfig]
MakeRecipe = Callable[..., RecipeConfig]
WHERE: dict[str, Any] = {"seed": 4, "epoch": 1, "replica": 0, "replicas": 1}


def assert_equal_batches(one: Iterable[Batch], other: Iterable[Batch]) -> None:
    for (x, y), (x_other, y_other) in zip(one, other, strict=True):
        assert torch.equal(x, x_other)
        assert torch.equal(y, y_other)


def test_training_batches_hold_every_sample_once_with_its_label(data: Make, recipe: MakeRecipe) -> None:
    dataset = make_data(data(), data_root=None).train
    batches = list(make_train_batches(dataset, recipe=recipe(), data=data(), **WHERE))
    assert [len(y) for _, y in batches] == [8, 8, 8, 6]
    assert all(x.dtype == torch.uint8 and y.dtype == torch.int64 for x, y in batches)
    order = replica_samples(30, seed=4, epoch=1, replica=0, replicas=1)
    np.testing.assert_array_equal(torch.cat([y for _, y in batches]).numpy(), dataset.labels[order])


def test_two_replicas_see_what_one_sees_between_them(data: Make, recipe: MakeRecipe) -> None:
    dataset = make_data(data(), data_root=None).train
    config = recipe(batch_per_replica=30)
    ((whole, _),) = make_train_batches(dataset, recipe=config, data=data(), **WHERE)
    for replica in (0, 1):
        where = WHERE | {"replica": replica, "replicas": 2}
        ((x, _),) = make_train_batches(dataset, recipe=config, data=data(), **where)
        assert torch.equal(x, whole[replica::2])


@pytest.mark.parametrize("start_step", [1, 3, 4])
def test_starting_in_mid_epoch_gives_the_remaining_batches(data: Make, recipe: MakeRecipe, start_step: int) -> None:
    dataset = make_data(data(), data_root=None).train
    whole = list(make_train_batches(dataset, recipe=recipe(), data=data(), **WHERE))
    rest = list(make_train_batches(dataset, recipe=recipe(), data=data(), start_step=start_step, **WHERE))
    assert len(rest) == 4 - start_step
    assert_equal_batches(rest, whole[start_step:])


def test_steps_that_are_left_out_are_not_read(data: Make, recipe: MakeRecipe) -> None:
    dataset = Counting(make_data(data(), data_root=None).train)
    next(make_train_batches(dataset, recipe=recipe(), data=data(), start_step=2, **WHERE))
    assert dataset.reads == 1


def test_starting_behind_the_epoch_is_a_bug_of_the_caller(data: Make, recipe: MakeRecipe) -> None:
    dataset = make_data(data(), data_root=None).train
    with pytest.raises(ValueError, match="start_step 5 of 4"):
        make_train_batches(dataset, recipe=recipe(), data=data(), start_step=5, **WHERE)


@pytest.mark.parametrize("batch", [5, 6, 13, 20])
def test_evaluation_batches_are_the_set_in_order(data: Make, recipe: MakeRecipe, batch: int) -> None:
    dataset = make_data(data(), data_root=None).eval
    config = recipe(batch_per_replica=batch)
    labels = torch.cat([y for _, y in make_eval_batches(dataset, recipe=config, data=data())])
    np.testing.assert_array_equal(labels.numpy(), dataset.labels)


def test_evaluation_shards_one_after_the_other_are_the_whole(data: Make, recipe: MakeRecipe) -> None:
    dataset = make_data(data(), data_root=None).eval
    whole = torch.cat([x for x, _ in make_eval_batches(dataset, recipe=recipe(), data=data())])
    parts = [
        x for index in range(3) for x, _ in make_eval_batches(dataset, recipe=recipe(), data=data(), shard=(index, 3))
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_an_augmentation_that_the_set_cannot_do_is_refused(data: Make, recipe: MakeRecipe) -> None:
    dataset = make_data(data(), data_root=None).train
    with pytest.raises(ConfigError, match="random_resized_crop with source=synthetic") as caught:
        make_train_batches(dataset, recipe=recipe(augment=Augment.RESIZED_CROP), data=data(), **WHERE)
    assert caught.value.where == "recipe.augment"
    assert caught.value.now == "legal: none, shift_flip"


@pytest.mark.parametrize("augment", [Augment.RESIZED_CROP, Augment.NONE])
def test_loader_workers_change_nothing(folder: Make, data_root: Path, recipe: MakeRecipe, augment: Augment) -> None:
    dataset = make_data(folder(), data_root=data_root).train
    config = recipe(augment=augment, batch_per_replica=3, replicas=2)
    where = WHERE | {"replica": 1, "replicas": 2}
    here, workers = (
        list(make_train_batches(dataset, recipe=config, data=folder(), loader_workers=count, **where))
        for count in (0, 2)
    )
    assert [len(y) for _, y in here] == [3, 2]
    assert_equal_batches(here, workers)


def test_loader_workers_resume_in_mid_epoch(folder: Make, data_root: Path, recipe: MakeRecipe) -> None:
    dataset = make_data(folder(), data_root=data_root).train
    config = recipe(augment=Augment.RESIZED_CROP, batch_per_replica=2)
    whole = list(make_train_batches(dataset, recipe=config, data=folder(), **WHERE))
    rest = make_train_batches(dataset, recipe=config, data=folder(), loader_workers=2, start_step=3, **WHERE)
    assert_equal_batches(rest, whole[3:])


def test_loader_workers_evaluate_in_order(folder: Make, data_root: Path, recipe: MakeRecipe) -> None:
    dataset = make_data(folder(), data_root=data_root).eval
    config = recipe(batch_per_replica=4)
    here, workers = (
        list(make_eval_batches(dataset, recipe=config, data=folder(), loader_workers=count)) for count in (0, 2)
    )
    assert [len(y) for _, y in here] == [4, 2]
    assert_equal_batches(here, workers)


@pytest.mark.parametrize("loader_workers", [0, 1])
def test_reading_leaves_every_global_generator_alone(
    folder: Make, data_root: Path, recipe: MakeRecipe, loader_workers: int
) -> None:
    dataset = make_data(folder(), data_root=data_root).train
    config = recipe(augment=Augment.RESIZED_CROP, batch_per_replica=5)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    list(make_train_batches(dataset, recipe=config, data=folder(), loader_workers=loader_workers, **WHERE))
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


@pytest.mark.parametrize("loader_workers", [0, 1])
def test_a_corrupt_image_is_named_also_from_a_worker(
    folder: Make, data_root: Path, recipe: MakeRecipe, loader_workers: int
) -> None:
    broken = data_root / "tiny" / "val" / "dog" / "1.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    dataset = make_data(folder(), data_root=data_root).eval
    with pytest.raises(DataError) as caught:
        list(make_eval_batches(dataset, recipe=recipe(), data=folder(), loader_workers=loader_workers))
    assert caught.value.what.startswith("an image cannot be read: ")
    assert caught.value.where == str(broken)
    assert "copy the file again" in caught.value.now


def test_what_a_worker_is_given_survives_a_pickle(folder: Make, data_root: Path, recipe: MakeRecipe) -> None:
    dataset = make_data(folder(), data_root=data_root).train
    reader = _Reader(dataset, train_view(recipe(augment=Augment.RESIZED_CROP), folder(), seed=0, epoch=0))
    samples = np.array([3, 9, 0])
    assert torch.equal(pickle.loads(pickle.dumps(reader)).read(samples)[0], reader.read(samples)[0])


def test_loader_workers_outlive_the_signals_that_a_scheduler_sends(data: Make, recipe: MakeRecipe) -> None:
    dataset = Signalled(make_data(data(), data_root=None).eval)
    here = make_eval_batches(dataset.inner, recipe=recipe(), data=data())
    assert_equal_batches(make_eval_batches(dataset, recipe=recipe(), data=data(), loader_workers=1), here)


def test_a_process_ends_though_an_epoch_was_broken_off(tmp_path: Path) -> None:
    """Its workers ignore the SIGTERM with which multiprocessing would end them."""
    script = tmp_path / "broken_off.py"
    script.write_text(BROKEN_OFF)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2], check=False
    )
    assert "the epoch was broken off" in done.stderr
    assert done.returncode == 1


BROKEN_OFF = """
import sys
sys.path.insert(0, "")  # the checkout under test
import numpy, torch
from an_cli.data.batches import _read, _Reader

class Files:
    labels = numpy.zeros(64, dtype=numpy.int64)
    on_disk = True
    def read(self, samples, view):
        return torch.zeros(len(samples), 1, 2, 2, dtype=torch.uint8)

batches = _read(_Reader(Files(), None), list(numpy.arange(64).reshape(32, 2)), 2, False)
next(batches)
raise RuntimeError("the epoch was broken off")
"""


class Counting:
    """A data set that counts its reads."""

    def __init__(self, inner: DataSet) -> None:
        self.inner = inner
        self.labels, self.classes, self.fingerprint = inner.labels, inner.classes, inner.fingerprint
        self.augments, self.on_disk = inner.augments, False
        self.reads = 0

    def __len__(self) -> int:
        return len(self.inner)

    def read(self, samples: np.ndarray, view: View) -> torch.Tensor:
        self.reads += 1
        return self.inner.read(samples, view)


class Signalled(Counting):
    """A data set whose reader gets SIGINT and SIGTERM at every read."""

    def __init__(self, inner: DataSet) -> None:
        super().__init__(inner)
        self.on_disk = True

    def read(self, samples: np.ndarray, view: View) -> torch.Tensor:
        assert torch.utils.data.get_worker_info() is not None
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        return super().read(samples, view)


class Dying(Counting):
    """A data set whose loader process ends, or makes a batch that cannot be handed over."""

    def __init__(self, inner: DataSet, *, silently: bool) -> None:
        super().__init__(inner)
        self.on_disk, self.silently = True, silently

    def read(self, samples: np.ndarray, view: View) -> torch.Tensor:
        if self.silently:
            return lambda: None  # type: ignore[return-value]  # which no pickle takes
        os._exit(3)


@pytest.mark.parametrize("silently", [False, True], ids=["ends", "hands nothing over"])
def test_a_loader_process_that_is_gone_ends_the_wait_with_a_reason(
    data: Make, recipe: MakeRecipe, silently: bool
) -> None:
    dataset = Dying(make_data(data(), data_root=None).eval, silently=silently)
    with pytest.raises(DataError, match="a loader process is gone") as caught:
        list(make_eval_batches(dataset, recipe=recipe(), data=data(), loader_workers=1))
    assert caught.value.where == "launch.loader_workers"


@pytest.mark.parametrize(("said", "share", "expected"), [(None, "2", 2), (None, "1", 1), (3, "1", 3), (0, "2", 0)])
def test_loader_processes_are_the_runs_share_of_the_cores(
    said: int | None, share: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert loader_processes(replace(compose(["launch=local"]).launch, loader_workers=said)) == expected
