"""Batches of uint8 images and labels, in an order that depends on (seed, epoch, replica) alone.

Shape suffixes: n samples, c channels, h height, w width.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Generator, Iterator
from multiprocessing.queues import Queue
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from an_cli.config import LaunchConfig
from an_cli.config.schema import DataConfig, RecipeConfig
from an_cli.data.dataset import DataSet, View, eval_view, train_view
from an_cli.data.order import Samples, batches_per_replica, eval_shard, replica_samples, split_batches
from an_cli.errors import ConfigError, DataError

Batch = tuple[Tensor, Tensor]


def make_train_batches(
    dataset: DataSet,
    *,
    recipe: RecipeConfig,
    data: DataConfig,
    seed: int,
    epoch: int,
    replica: int,
    replicas: int,
    loader_workers: int = 0,
    start_step: int = 0,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """One replica's batches of one epoch, augmented.

    Args:
        dataset: the training set.
        recipe: gives batch_per_replica, augment and interpolation.
        data: gives the image's geometry.
        seed: the cell's seed.
        epoch: from 0.
        replica: in [0, replicas).
        replicas: among which the epoch is split.
        loader_workers: processes that decode files; 0 decodes here. Sets in memory never start any.
        start_step: batches to leave out without reading them; the remaining ones are the same.
        pin_memory: put decoded images into page-locked memory, for a CUDA device.

    Returns:
        Pairs (x_nchw uint8, y_n int64); the last batch may be smaller, and nothing is dropped.

    Raises:
        ConfigError: an augmentation that the data set cannot do, or a last batch of one sample.
        DataError: while iterating, a file that cannot be read.
    """
    if recipe.augment not in dataset.augments:
        raise ConfigError(
            f"{recipe.augment} with source={data.source}",
            where="recipe.augment",
            now=f"legal: {', '.join(sorted(dataset.augments))}",
        )
    steps = batches_per_replica(len(dataset), batch=recipe.batch_per_replica, replicas=replicas)
    if not 0 <= start_step <= steps:
        raise ValueError(f"start_step {start_step} of {steps}")
    mine = replica_samples(len(dataset), seed=seed, epoch=epoch, replica=replica, replicas=replicas)
    batches = split_batches(mine, recipe.batch_per_replica)[start_step:]
    view = train_view(recipe, data, seed=seed, epoch=epoch)
    return _read(_Reader(dataset, view), batches, loader_workers, pin_memory)


def make_eval_batches(
    dataset: DataSet,
    *,
    recipe: RecipeConfig,
    data: DataConfig,
    loader_workers: int = 0,
    shard: tuple[int, int] = (0, 1),
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """Batches of a shard of the evaluation set, in data-set order, nothing padded.

    A shard is a run of whole batches: a sample shares its batch with the same samples whatever the number of shards, so
    its scores are the same bits.

    Args:
        dataset: the evaluation set.
        recipe: gives the batch size and the interpolation.
        data: gives the image's geometry.
        loader_workers: processes that decode files; 0 decodes here.
        shard: (index, count); the shards' batches one after the other are the whole set in order.
        pin_memory: put decoded images into page-locked memory, for a CUDA device.

    Returns:
        Pairs (x_nchw uint8, y_n int64); the last batch may be smaller.
    """
    batches = split_batches(np.arange(len(dataset), dtype=np.int64), recipe.batch_per_replica)
    mine = eval_shard(len(batches), shard)
    batches = batches[mine.start : mine.stop]
    return _read(_Reader(dataset, eval_view(recipe, data)), batches, loader_workers, pin_memory)


class _Reader(Dataset[Batch | DataError]):
    """Reads a whole batch per index: the index is the batch's sample ids."""

    def __init__(self, dataset: DataSet, view: View) -> None:
        self.dataset, self.view = dataset, view

    def read(self, samples: Samples) -> Batch:
        return self.dataset.read(samples, self.view), torch.from_numpy(self.dataset.labels[samples])

    def __getitem__(self, samples: Samples) -> Batch | DataError:
        """For loader workers: an error travels as a value, because torch would rebuild it without its parts."""
        try:
            return self.read(samples)
        except DataError as error:
            return error


def loader_processes(launch: LaunchConfig) -> int:
    """Processes that decode images for one run: as asked, or as many as the run's share of the cores.

    Whoever starts runs side by side tells each its share by OMP_NUM_THREADS; more than that would only take turns.
    """
    if launch.loader_workers is not None:
        return launch.loader_workers
    cores, share = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(share)) if share.isdecimal() and int(share) else cores)


SILENT_S = 600  # longest wait for a loader process: a batch of a disk that answers takes seconds
_unfinished: WeakSet[Generator[Batch]] = WeakSet()


@atexit.register  # after the import of torch, so it runs before multiprocessing's own handler
def _stop_workers() -> None:
    """End the workers of epochs that were broken off.

    multiprocessing would end them with SIGTERM, which they ignore, and then wait for them forever.
    """
    for batches in list(_unfinished):
        batches.close()


def _read(reader: _Reader, batches: list[Samples], loader_workers: int, pin_memory: bool) -> Iterator[Batch]:
    reading = _reading(reader, batches, loader_workers, pin_memory)
    _unfinished.add(reading)
    return reading


def _reading(reader: _Reader, batches: list[Samples], loader_workers: int, pin_memory: bool) -> Generator[Batch]:
    if loader_workers == 0 or not reader.dataset.on_disk or not batches:
        yield from map(reader.read, batches)
        return
    for item in _items(_started(reader, batches, loader_workers, pin_memory)):
        if isinstance(item, DataError):
            raise item
        x, y = item
        yield x, y


def _items(loader: Iterator[Batch | DataError]) -> Iterator[Batch | DataError]:
    """What a loader hands over; a process of it that ends or falls silent ends the wait."""
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader" not in str(error):
            raise
        raise DataError(
            f"a loader process is gone: {' '.join(str(error).split())}",
            where="launch.loader_workers",
            now="what it printed stands in log.txt; launch.loader_workers=0 reads in the training process",
        ) from error


def _started(
    reader: _Reader, batches: list[Samples], loader_workers: int, pin_memory: bool
) -> Iterator[Batch | DataError]:
    """A loader whose workers run. Forked: they share the file names, and die with their parent at the latest."""
    loader = DataLoader(
        reader,
        sampler=batches,
        batch_size=None,
        num_workers=min(loader_workers, len(batches)),
        collate_fn=_as_it_is,
        worker_init_fn=_begin_worker,
        timeout=SILENT_S,
        pin_memory=pin_memory,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # else the loader draws from the global one
    )
    with warnings.catch_warnings():
        # Python 3.12 warns of forking beside threads; a worker takes no lock that ours could hold.
        warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
        return iter(loader)


def _as_it_is(item: Any) -> Any:
    return item


def _begin_worker(worker: int) -> None:
    """Ctrl-C and a scheduler's SIGTERM reach the whole group; the training process alone decides when to stop.

    A batch that cannot be handed over is dropped by multiprocessing, and would be waited for for ever: end instead.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    Queue._on_queue_feeder_error = staticmethod(_end_worker)  # type: ignore[attr-defined]


def _end_worker(error: BaseException, item: object) -> None:
    traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(1)
