"""Every kind of data set keeps the contract: in memory, embedded, a folder of images, shards of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from an_cli.config import Composer
from an_cli.config.schema import DataConfig, RecipeConfig
from an_cli.data import make_data
from an_cli.data.dataset import train_view
from an_cli.data.prepare import prepare
from tests.data.dataset_contract import Case, DataSetContract
from tests.tiny import TINY

Make = Callable[..., DataConfig]
MakeRecipe = Callable[..., RecipeConfig]


def composed(composer: Composer, *words: str) -> Case:
    cell = composer.compose([*TINY, *words]).cell
    return make_data(cell.data, data_root=None), train_view(cell.recipe, cell.data, seed=1, epoch=0)


class TestSynthetic(DataSetContract):
    @pytest.fixture
    def case(self, composer: Composer) -> Case:
        return composed(composer)


class TestEmbedded(DataSetContract):
    @pytest.fixture
    def case(self, composer: Composer) -> Case:
        return composed(
            composer, "data=fashion_mnist_small", "data.image_size=28", "data.train_samples=60", "data.eval_samples=20"
        )


class TestFolder(DataSetContract):
    @pytest.fixture
    def case(self, folder: Make, recipe: MakeRecipe, data_root: Path) -> Case:
        return _of_folder(folder(), recipe, data_root)


class TestShards(DataSetContract):
    @pytest.fixture
    def case(self, folder: Make, recipe: MakeRecipe, data_root: Path) -> Case:
        prepare(data_root / "tiny", data_root / "sharded" / "tiny", shards=3)
        return _of_folder(folder(), recipe, data_root / "sharded")


def _of_folder(data: DataConfig, recipe: Any, root: Path) -> Case:
    from an_cli.config.schema import Augment

    crop = recipe(augment=Augment.RESIZED_CROP)
    return make_data(data, data_root=root), train_view(crop, data, seed=1, epoch=0)
