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
from an_cli.errors import ConfigError

Samples = NDArray[np.int64]


def steps_per_epoch(n: int, recipe: RecipeConfig) -> int:
    """Optimizer steps in one epoch of n samples.

    Raises:
        ConfigError: the last batch of a replica would hold a single sample.
    """
    return batches_per_replica(n, batch=recipe.batch_per_replica, replicas=recipe.replicas)


def batches_per_replica(n: int, *, batch: int, replicas: int) -> int:
    """ceil(ceil(n / replicas) / batch), refused where the last batch would hold a single sample.

    Raises:
        ConfigError: BN over one sample (the A2 head normalizes K values over the batch) has no variance.
    """
    share = ceil(n / replicas)
    if _ends_in_one(share, batch):
        raise ConfigError(
            f"{n} training samples on {replicas} replica(s) in batches of {batch} end in a batch of one sample, "
            "over which BN has no variance",
            where="recipe.batch_per_replica",
            now=f"sizes that work: {_sizes_that_work(share, batch)}; or change data.train_samples",
        )
    return ceil(share / batch)


def _ends_in_one(share: int, batch: int) -> bool:
    return batch > 1 and share % batch == 1


def _sizes_that_work(share: int, batch: int) -> str:
    """The nearest such sizes below and above, 2 or more (one sample per batch is no answer)."""
    below = next((size for size in range(batch - 1, 1, -1) if not _ends_in_one(share, size)), None)
    above = next((size for size in range(batch + 1, batch + share + 2) if not _ends_in_one(share, size)), None)
    return " or ".join(str(size) for size in (below, above) if size is not None) or "none"


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
