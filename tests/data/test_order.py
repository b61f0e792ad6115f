"""Which samples a replica sees, and how many steps that makes."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import pytest

from an_cli.config.schema import RecipeConfig
from an_cli.data import eval_shard, steps_per_epoch
from an_cli.data.draws import epoch_order
from an_cli.data.order import replica_samples, split_batches

MakeRecipe = Callable[..., RecipeConfig]


@pytest.mark.parametrize(("batch", "steps"), [(128, 1252), (256, 626)])
def test_imagenet_on_eight_replicas_makes_the_released_number_of_steps(
    recipe: MakeRecipe, batch: int, steps: int
) -> None:
    assert steps_per_epoch(1_281_167, recipe(replicas=8, batch_per_replica=batch)) == steps


@pytest.mark.parametrize(("n", "replicas"), [(24, 1), (24, 4), (23, 4), (3, 8)])
def test_replicas_share_the_padded_order_between_them(n: int, replicas: int) -> None:
    shares = [replica_samples(n, seed=1, epoch=2, replica=r, replicas=replicas) for r in range(replicas)]
    assert {len(share) for share in shares} == {ceil(n / replicas)}
    interleaved = np.stack(shares, axis=1).reshape(-1)
    order = epoch_order(1, 2, n)
    np.testing.assert_array_equal(interleaved[:n], order)
    padding = interleaved[n:]
    np.testing.assert_array_equal(padding, np.tile(order, 8)[: len(padding)])


def test_batches_keep_every_sample_and_the_last_is_partial() -> None:
    batches = split_batches(np.arange(11), 4)
    assert [len(batch) for batch in batches] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(batches), np.arange(11))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_evaluation_shards_in_order_are_the_whole_set(count: int) -> None:
    shards = [eval_shard(13, (index, count)) for index in range(count)]
    assert [sample for shard in shards for sample in shard] == list(range(13))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_replica_or_shard_outside_its_count_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="replica 2 of 2"):
        replica_samples(8, seed=0, epoch=0, replica=2, replicas=2)
    with pytest.raises(ValueError, match="shard -1 of 2"):
        eval_shard(8, (-1, 2))
