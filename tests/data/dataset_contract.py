"""What every data set owes to the loader: a class of tests that each kind inherits, with one fixture of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from an_cli.config.schema import Augment
from an_cli.data.dataset import DataPair, View

Case = tuple[DataPair, View]  # the sets, and how training looks at them


class DataSetContract:
    """Inherit it, and give the fixture `case`: a small pair of sets and the training view of an epoch."""

    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError

    def test_labels_are_numbers_of_classes(self, case: Case) -> None:
        for dataset in (case[0].train, case[0].eval):
            assert dataset.labels.shape == (len(dataset),)
            assert dataset.labels.dtype == np.int64
            assert set(dataset.labels.tolist()) <= set(range(len(dataset.classes)))
        assert case[0].train.classes == case[0].eval.classes

    def test_train_and_evaluation_are_different_sets(self, case: Case) -> None:
        assert case[0].train.fingerprint != case[0].eval.fingerprint

    def test_images_are_bytes_in_memory_of_their_own(self, case: Case) -> None:
        pair, view = case
        first = pair.train.read(np.array([0, 1]), view)
        assert first.dtype == torch.uint8
        assert first.shape[0] == 2
        assert first.shape[2:] == (view.image_size, view.image_size)
        kept = first.clone()
        first.zero_()
        assert torch.equal(pair.train.read(np.array([0, 1]), view), kept)

    def test_an_image_depends_on_its_number_and_the_view_and_on_nothing_else(self, case: Case) -> None:
        pair, view = case
        alone = pair.train.read(np.array([2]), view)
        torch.rand(3), np.random.default_rng().random()
        among = pair.train.read(np.array([3, 2, 1]), view)
        assert torch.equal(among[1], alone[0])

    def test_another_epoch_and_another_seed_draw_anew_where_training_augments(self, case: Case) -> None:
        pair, view = case
        every = np.arange(len(pair.train))
        first = pair.train.read(every, view)
        others = [pair.train.read(every, replace(view, **{key: 7})) for key in ("epoch", "seed")]
        assert all(torch.equal(first, other) is (view.augment is Augment.NONE) for other in others)

    def test_the_evaluation_view_draws_nothing(self, case: Case) -> None:
        pair, view = case
        still = replace(view, augment=Augment.NONE)
        every = np.arange(len(pair.eval))
        assert torch.equal(pair.eval.read(every, still), pair.eval.read(every, replace(still, epoch=7, seed=7)))

    def test_it_can_do_the_augmentation_of_its_case_and_none(self, case: Case) -> None:
        pair, view = case
        assert {view.augment, Augment.NONE} <= pair.train.augments
