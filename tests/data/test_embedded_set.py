"""The embedded set is the one that was shipped, and can be made again."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from an_cli.config.schema import DataConfig, DataSource
from an_cli.data import embedded_set, make_data
from an_cli.data.embedded import make_fashion_mnist_small
from an_cli.errors import DataError

SHIPPED = files("an_cli.data.embedded") / "fashion_mnist_small.npz"
SHA256 = "478ba3fa5758f3e991ef09265b83daaeb45c6810478e91eece2c7c5ea841017d"
MADE_WITH_ZLIB = "1.2.13"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
needs_debian = pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")


@pytest.fixture
def fashion(data: Callable[..., DataConfig]) -> Callable[..., DataConfig]:
    def make(**changes: Any) -> DataConfig:
        values: dict[str, Any] = {
            "source": DataSource.FASHION_MNIST_SMALL,
            "classes": 10,
            "channels": 1,
            "mean": (0.286,),
            "std": (0.353,),
            "train_samples": None,
            "eval_samples": None,
        }
        return data(**(values | changes))

    return make


def test_the_shipped_file_is_the_one_that_the_numbers_were_made_with() -> None:
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == SHA256


@needs_debian
def test_the_script_makes_the_shipped_arrays() -> None:
    made = make_fashion_mnist_small.arrays(DEBIAN)
    with SHIPPED.open("rb") as file, np.load(file) as shipped:
        assert set(shipped) == set(made)
        for name, array in made.items():
            np.testing.assert_array_equal(shipped[name], array)


@needs_debian
@pytest.mark.skipif(zlib.ZLIB_RUNTIME_VERSION != MADE_WITH_ZLIB, reason="another zlib compresses to other bytes")
def test_the_script_makes_the_shipped_bytes(tmp_path: Path) -> None:
    target = tmp_path / "again.npz"
    make_fashion_mnist_small.main(str(DEBIAN), str(target))
    assert target.read_bytes() == SHIPPED.read_bytes()


def test_the_set_has_10000_and_2000_images_and_every_prefix_is_stratified(fashion: Callable[..., DataConfig]) -> None:
    pair = make_data(fashion(), data_root=None)
    for dataset, count in ((pair.train, 10_000), (pair.eval, 2_000)):
        assert len(dataset) == count
        assert dataset.labels.dtype == np.int64
        np.testing.assert_array_equal(dataset.labels, np.arange(count) % 10)
        assert len(dataset.classes) == 10


def test_mean_and_std_of_the_shipped_config_are_those_of_the_images(fashion: Callable[..., DataConfig]) -> None:
    with SHIPPED.open("rb") as file, np.load(file) as shipped:
        pixels = shipped["train_images"] / 255
    assert pixels.mean() == pytest.approx(fashion().mean[0], abs=2e-3)
    assert pixels.std() == pytest.approx(fashion().std[0], abs=2e-3)


def test_sample_counts_take_the_first_images(fashion: Callable[..., DataConfig]) -> None:
    pair = make_data(fashion(train_samples=40, eval_samples=20), data_root=None)
    assert (len(pair.train), len(pair.eval)) == (40, 20)
    assert np.bincount(pair.train.labels).tolist() == [4] * 10


def test_the_fingerprint_is_that_of_the_samples_taken(fashion: Callable[..., DataConfig]) -> None:
    few = make_data(fashion(train_samples=40, eval_samples=20), data_root=None)
    again = make_data(fashion(train_samples=40, eval_samples=30), data_root=None)
    assert few.train.fingerprint == again.train.fingerprint
    assert few.eval.fingerprint != again.eval.fingerprint
    assert len(few.train.fingerprint) == 64


def test_asking_for_more_samples_than_there_are_says_how_many_there_are(fashion: Callable[..., DataConfig]) -> None:
    with pytest.raises(DataError) as caught:
        make_data(fashion(eval_samples=2001), data_root=None)
    assert "2001 samples asked" in caught.value.what
    assert caught.value.where == "data.eval_samples"
    assert "2000 or less" in caught.value.now


def test_the_licence_travels_with_the_images() -> None:
    text = (files("an_cli.data.embedded") / "LICENSE-fashion-mnist.txt").read_text()
    assert "MIT License" in text
    assert "Copyright (c) 2017 Zalando SE" in text
    assert "Permission is hereby granted" in text


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive"])
def test_a_damaged_installation_is_named(
    fashion: Callable[..., DataConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / SHIPPED.name).write_bytes(content)
    monkeypatch.setattr(embedded_set, "files", lambda package: tmp_path)
    with pytest.raises(DataError) as caught:
        make_data(fashion(), data_root=None)
    assert caught.value.what.startswith("the embedded data set cannot be read: ")
    assert caught.value.where == str(tmp_path / SHIPPED.name)
    assert caught.value.now == "install an-cli again"
