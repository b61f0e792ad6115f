"""Draws depend on their key alone, and never change silently."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from an_cli.data.draws import (
    Purpose,
    draws_of_sample,
    epoch_order,
    sample_draws,
    step_generator,
    step_permutation,
    torch_seed,
)

ORDER_0 = [2, 5, 8, 0, 1, 7, 3, 6, 9, 4]
ORDER_7 = [2, 7, 1, 3, 0, 5, 4, 6]
DRAWS = [0.8666992976795368, 0.28990736265380945, 0.19092235796432122]
BETA = 0.9583522868356225
PARTNER = [0, 2, 1, 4, 5, 3]
SEEDS = {
    "order": 4210419341120308765,
    "augment": 5504845850014750283,
    "mixup_lambda": 399604035738947959,
    "mixup_partner": 3007409516526814354,
    "dropout": 1865570556006563188,
    "init": 3761293869970569101,
    "synthetic": 4320377983446472366,
}


def test_epoch_order_is_a_permutation_that_differs_by_seed_and_epoch() -> None:
    orders = [epoch_order(seed, epoch, 50).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_epoch_order_puts_every_sample_first_about_equally_often() -> None:
    first = np.bincount([epoch_order(0, epoch, 5)[0] for epoch in range(1000)], minlength=5)
    assert first.min() > 150
    assert first.max() < 250


def test_draws_do_not_depend_on_what_was_drawn_before() -> None:
    alone = step_generator(3, 2, 1, 0, Purpose.MIXUP_LAMBDA).random(4)
    epoch_order(3, 2, 100)
    step_generator(3, 2, 0, 0, Purpose.MIXUP_LAMBDA).random(7)
    np.testing.assert_array_equal(step_generator(3, 2, 1, 0, Purpose.MIXUP_LAMBDA).random(4), alone)


def test_draws_leave_every_global_generator_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    epoch_order(0, 0, 10)
    sample_draws(0, 0, 10, 3, Purpose.AUGMENT)
    step_generator(0, 0, 0, 0, Purpose.MIXUP_LAMBDA).random()
    torch_seed(0, 0, 0, 0, Purpose.DROPOUT)
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


@pytest.mark.parametrize("width", [1, 3, 4, 23])
def test_a_sample_draws_its_row_however_many_samples_there_are(width: int) -> None:
    table = sample_draws(5, 2, 9, width, Purpose.AUGMENT)
    assert table.shape == (9, width)
    np.testing.assert_array_equal(sample_draws(5, 2, 4, width, Purpose.AUGMENT), table[:4])
    for sample in (0, 3, 8):
        np.testing.assert_array_equal(draws_of_sample(5, 2, sample, width, Purpose.AUGMENT), table[sample])


def test_sample_draws_are_uniform_in_the_half_open_unit_interval() -> None:
    draws = sample_draws(0, 0, 20_000, 2, Purpose.AUGMENT)
    assert draws.min() >= 0
    assert draws.max() < 1
    np.testing.assert_allclose(draws.mean(axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(draws.var(axis=0), 1 / 12, atol=0.002)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.03


def test_no_two_keys_share_a_stream() -> None:
    keys = [
        (seed, epoch, step, replica, purpose)
        for purpose in Purpose
        for seed in (0, 1, 11)
        for epoch in (0, 1, 11)
        for step in (0, 1, 11)
        for replica in (0, 1, 11)
    ]
    seeds = {torch_seed(*key) for key in keys}
    first = {int(step_generator(*key).bit_generator.random_raw()) for key in keys}
    assert len(seeds) == len(first) == len(keys)


def test_no_two_purposes_share_the_draws_of_samples() -> None:
    first = {float(sample_draws(0, 0, 1, 1, purpose)[0, 0]) for purpose in Purpose}
    assert len(first) == len(Purpose)


def test_the_streams_are_the_ones_of_the_first_release() -> None:
    """Golden values: a change here changes every number that was ever made, and needs a new version in the key."""
    assert epoch_order(0, 0, 10).tolist() == ORDER_0
    assert epoch_order(7, 3, 8).tolist() == ORDER_7
    assert sample_draws(0, 0, 3, 3, Purpose.AUGMENT)[2].tolist() == DRAWS
    assert step_generator(0, 1, 2, 3, Purpose.MIXUP_LAMBDA).beta(0.2, 0.2) == pytest.approx(BETA, rel=1e-12)
    assert step_permutation(0, 1, 2, 3, 6, Purpose.MIXUP_PARTNER).tolist() == PARTNER
    assert {str(purpose): torch_seed(1, 2, 3, 4, purpose) for purpose in Purpose} == SEEDS
