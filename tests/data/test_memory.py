"""Sets in memory: synthetic images, shifts and flips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from an_cli.config.schema import Augment, DataConfig, RecipeConfig
from an_cli.data import make_data
from an_cli.data.dataset import eval_view, train_view
from an_cli.data.draws import Purpose, sample_draws
from an_cli.data.memory import MemorySet
from an_cli.errors import ConfigError

Make = Callable[..., DataConfig]
MakeRecipe = Callable[..., RecipeConfig]


def _images(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 256, (n, 2, side, side), dtype=np.uint8)


def _expected(image: torch.Tensor, down: float, right: float, flip: float, border: int) -> torch.Tensor:
    """One image shifted over zeros and flipped, written out."""
    side = image.shape[-1]
    canvas = torch.zeros(image.shape[0], side + 2 * border, side + 2 * border, dtype=image.dtype)
    canvas[:, border : border + side, border : border + side] = image
    top, left = int(down * (2 * border + 1)), int(right * (2 * border + 1))
    shown = canvas[:, top : top + side, left : left + side]
    return shown.flip(-1) if flip < 0.5 else shown


def test_shift_flip_equals_one_image_at_a_time(data: Make, recipe: MakeRecipe) -> None:
    images = _images(40, 28)
    dataset = MemorySet(images, np.zeros(40, dtype=np.int64), ("only",))
    samples = np.array([7, 0, 39, 7, 12])
    shown = dataset.read(samples, train_view(recipe(), data(), seed=3, epoch=2))
    draws = sample_draws(3, 2, 40, 3, Purpose.AUGMENT)
    for row, sample in enumerate(samples):
        assert torch.equal(shown[row], _expected(torch.from_numpy(images[sample]), *draws[sample], border=2))


def test_shifts_reach_both_ends_and_half_of_the_images_are_flipped(data: Make, recipe: MakeRecipe) -> None:
    ramp = np.broadcast_to(np.arange(1, 29, dtype=np.uint8), (2000, 1, 28, 28))
    dataset = MemorySet(np.ascontiguousarray(ramp), np.zeros(2000, dtype=np.int64), ("only",))
    shown = dataset.read(np.arange(2000), train_view(recipe(), data(), seed=0, epoch=0)).numpy()
    middle = shown[:, 0, 14, 13:15].astype(int)
    flipped = middle[:, 0] > middle[:, 1]
    assert 0.45 < flipped.mean() < 0.55
    offsets = np.where(flipped, middle[:, 1], middle[:, 0]) - 14
    assert set(offsets.tolist()) == {-2, -1, 0, 1, 2}


def test_a_sample_looks_different_in_another_epoch_and_the_same_in_the_same(data: Make, recipe: MakeRecipe) -> None:
    dataset = MemorySet(_images(40, 28), np.zeros(40, dtype=np.int64), ("only",))
    samples = np.arange(40)
    first, again, later = (
        dataset.read(samples, train_view(recipe(), data(), seed=0, epoch=epoch)) for epoch in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_the_evaluation_view_shows_the_stored_pixels_in_memory_of_its_own(data: Make, recipe: MakeRecipe) -> None:
    images = _images(5, 28)
    dataset = MemorySet(images, np.zeros(5, dtype=np.int64), ("only",))
    samples = np.array([4, 1])
    shown = dataset.read(samples, eval_view(recipe(), data()))
    assert torch.equal(shown, torch.from_numpy(images[samples]))
    shown.zero_()
    assert torch.equal(dataset.read(samples, eval_view(recipe(), data())), torch.from_numpy(images[samples]))


def test_images_too_small_to_shift_are_only_flipped(data: Make, recipe: MakeRecipe) -> None:
    images = _images(20, 8)
    dataset = MemorySet(images, np.zeros(20, dtype=np.int64), ("only",))
    shown = dataset.read(np.arange(20), train_view(recipe(), data(image_size=8), seed=0, epoch=0)).numpy()
    same = (shown == images).all(axis=(1, 2, 3))
    mirrored = (shown == images[..., ::-1]).all(axis=(1, 2, 3))
    assert (same | mirrored).all()
    assert same.any()
    assert mirrored.any()


def test_synthetic_images_have_the_shape_of_the_config_and_balanced_labels(data: Make, recipe: MakeRecipe) -> None:
    config = data(classes=7, channels=4, image_size=19, train_samples=21, eval_samples=14)
    pair = make_data(config, data_root=None)
    assert pair.train.read(np.arange(21), eval_view(recipe(), config)).shape == (21, 4, 19, 19)
    assert np.bincount(pair.train.labels).tolist() == [3] * 7
    assert np.bincount(pair.eval.labels).tolist() == [2] * 7


def test_a_smaller_synthetic_set_is_a_prefix_of_a_larger_one(data: Make, recipe: MakeRecipe) -> None:
    small = make_data(data(train_samples=300), data_root=None).train
    large = make_data(data(train_samples=600), data_root=None).train
    view = eval_view(recipe(), data())
    assert torch.equal(small.read(np.arange(300), view), large.read(np.arange(300), view))
    assert small.fingerprint != large.fingerprint


def test_synthetic_training_and_evaluation_images_differ(data: Make) -> None:
    pair = make_data(data(train_samples=12, eval_samples=12), data_root=None)
    assert pair.train.fingerprint != pair.eval.fingerprint


def test_the_synthetic_pixels_are_the_ones_of_the_first_release(data: Make) -> None:
    pair = make_data(data(), data_root=None)
    assert pair.train.fingerprint[:16] == "ac3b22db2d6fd953"
    assert pair.eval.fingerprint[:16] == "532928f45dbd482d"


def test_class_means_of_training_classify_most_synthetic_images_but_not_all(data: Make, recipe: MakeRecipe) -> None:
    config = data(classes=10, channels=3, train_samples=1000, eval_samples=500)
    pair = make_data(config, data_root=None)
    view = eval_view(recipe(), config)
    x, y = pair.train.read(np.arange(1000), view).float().flatten(1) - 127.5, torch.from_numpy(pair.train.labels)
    means = torch.stack([x[y == label].mean(0) for label in range(10)])
    scores = (pair.eval.read(np.arange(500), view).float().flatten(1) - 127.5) @ means.T - (means**2).sum(1) / 2
    error = (scores.argmax(1) != torch.from_numpy(pair.eval.labels)).float().mean().item()
    assert 0 < error < 0.3


def test_a_synthetic_set_without_a_count_is_refused(data: Make) -> None:
    with pytest.raises(ConfigError, match="how many to generate") as caught:
        make_data(data(eval_samples=None), data_root=None)
    assert caught.value.where == "data.eval_samples"
    assert caught.value.what


def test_sets_in_memory_say_which_augmentations_they_can_do(data: Make) -> None:
    assert make_data(data(), data_root=None).train.augments == {Augment.NONE, Augment.SHIFT_FLIP}
