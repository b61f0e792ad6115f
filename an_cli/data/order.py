"""Which samples a replica sees, and when: the epoch's order, its split over replicas, and its batches.

As a distributed sampler does (the paper trains with 8 replicas): the order is padded from its own start until every
replica has equally many samples, replica r takes every R-th sample from r on, and the last partial batch is kept.
For 1,281,167 images, 8 replicas and batches of 128 that makes 1,252 steps.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from an_cli.config.schema import RecipeConfig
from an_cli.data.draws import epoch_order

Samples = NDArray[np.int64]


def steps_per_epoch(n: int, recipe: RecipeConfig) -> int:
    """Optimizer steps in one epoch of n samples."""
    return batches_per_replica(n, batch=recipe.batch_per_replica, replicas=recipe.replicas)


def batches_per_replica(n: int, *, batch: int, replicas: int) -> int:
    """ceil(ceil(n / replicas) / batch)."""
    return ceil(ceil(n / replicas) / batch)


def replica_samples(n: int, *, seed: int, epoch: int, replica: int, replicas: int) -> Samples:
    """Sample ids that one replica sees in one epoch, in order.

    Returns:
        Shape (ceil(n / replicas),). All replicas together see every sample, the padding's twice.
    """
    if not 0 <= replica < replicas:
        raise ValueError(f"replica {replica} of {replicas}")
    padded = np.resize(epoch_order(seed, epoch, n), ceil(n / replicas) * replicas)  # np.resize repeats from the start
    return padded[replica::replicas]


def split_batches(samples: Samples, batch: int) -> list[Samples]:
    """Consecutive batches, the last one partial."""
    return [samples[start : start + batch] for start in range(0, len(samples), batch)]


def eval_shard(n: int, shard: tuple[int, int]) -> range:
    """Contiguous ones of n batches for shard (index, count); shards in order make up the whole, none padded."""
    index, count = shard
    if not 0 <= index < count:
        raise ValueError(f"shard {index} of {count}")
    return range(n * index // count, n * (index + 1) // count)
