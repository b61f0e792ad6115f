"""Configs of tiny experiments, and a tiny image folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from an_cli.config.schema import (
    Augment,
    DataConfig,
    DataSource,
    Interpolation,
    Precision,
    RecipeConfig,
    Shortcut,
    Stem,
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def recipe() -> Callable[..., RecipeConfig]:
    def make(**changes: Any) -> RecipeConfig:
        values: dict[str, Any] = {
            "stem": Stem.CONV3X3,
            "shortcut": Shortcut.STRIDED,
            "zero_gamma": True,
            "epochs": 1,
            "warmup_epochs": 0,
            "lr": 0.1,
            "momentum": 0.9,
            "nesterov": False,
            "weight_decay": 0.0,
            "weight_decay_on_norm": True,
            "label_smoothing": 0.0,
            "mixup_alpha": 0.0,
            "augment": Augment.SHIFT_FLIP,
            "interpolation": Interpolation.BILINEAR,
            "replicas": 1,
            "batch_per_replica": 8,
            "precision": Precision.FP32,
            "loss_scale": None,
            "cpu_threads": 1,
            "deterministic": True,
        }
        return RecipeConfig(**(values | changes))

    return make


@pytest.fixture
def data() -> Callable[..., DataConfig]:
    """Makes the config of a synthetic set."""

    def make(**changes: Any) -> DataConfig:
        values: dict[str, Any] = {
            "source": DataSource.SYNTHETIC,
            "folder": None,
            "classes": 3,
            "channels": 2,
            "image_size": 28,
            "resize": None,
            "mean": (0.5, 0.5),
            "std": (0.25, 0.25),
            "train_samples": 30,
            "eval_samples": 13,
        }
        return DataConfig(**(values | changes))

    return make


@pytest.fixture
def folder(data: Callable[..., DataConfig]) -> Callable[..., DataConfig]:
    """Makes the config of the image folder that `data_root` holds."""

    def make(**changes: Any) -> DataConfig:
        values: dict[str, Any] = {
            "source": DataSource.IMAGE_FOLDER,
            "folder": "tiny",
            "classes": 2,
            "channels": 3,
            "image_size": 16,
            "resize": 20,
            "mean": (0.5, 0.5, 0.5),
            "std": (0.25, 0.25, 0.25),
            "train_samples": 10,
            "eval_samples": 6,
        }
        return data(**(values | changes))

    return make


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """A root with tiny/{train,val}/{cat,dog}/*.JPEG: 5 and 3 JPEG files of a class, of several sizes."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 5), ("val", 3)):
        for name in ("cat", "dog"):
            directory = tmp_path / "tiny" / split / name
            directory.mkdir(parents=True)
            for index in range(count):
                coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
                size = (40 + 7 * index, 33 + 5 * index)
                Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(directory / f"{index}.JPEG")
    return tmp_path
