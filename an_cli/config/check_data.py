"""What the types cannot say of data, and of batches that a norm can take."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from an_cli.config.check_model import Misfit, plain_values, positive
from an_cli.config.schema import (
    AttentionConfig,
    Augment,
    CellConfig,
    DataConfig,
    DataSource,
    Head,
    Norm,
    PluginDataConfig,
    RecipeConfig,
)

# What the embedded images are, and how many of them there are.
_EMBEDDED = {"classes": 10, "channels": 1, "image_size": 28}
_EMBEDDED_SAMPLES = {"train_samples": 10_000, "eval_samples": 2_000}


def data_misfits(cell: CellConfig) -> Iterator[Misfit]:
    """Misfits of the data, and between them, the recipe and a norm that needs several samples."""
    data = cell.data
    counts = ("classes", "channels", "image_size", "train_samples", "eval_samples", "resize")
    yield from positive(data, "data", counts)
    for key in ("mean", "std"):
        if len(getattr(data, key)) != data.channels:
            yield (
                f"data.{key}",
                f"{len(getattr(data, key))} values for {data.channels} channels",
                "give one per channel",
            )
    if min(data.std) <= 0:
        yield "data.std", f"{list(data.std)} holds a value that is not positive", "images are divided by it"
    if data.resize is not None and data.resize < data.image_size:
        yield "data.resize", f"{data.resize} is below image_size={data.image_size}", "the crop must fit in it"
    if isinstance(data, PluginDataConfig):  # which says itself what it can do
        yield from plain_values(data.parameters, "data.parameters")
        return
    if data.source is DataSource.FASHION_MNIST_SMALL:
        yield from _embedded(data)
    if data.train_samples is not None:
        misfit = lone_sample(data.train_samples, cell.norm, cell.recipe)
        yield from () if misfit is None else (misfit,)
    folder = data.source is DataSource.IMAGE_FOLDER
    if folder is (data.folder is None) or folder is (data.resize is None):
        yield (
            "data.folder",
            f"folder={data.folder}, resize={data.resize} with source={data.source}",
            "both belong to image_folder",
        )
    if folder is not (cell.recipe.augment is Augment.RESIZED_CROP) and cell.recipe.augment is not Augment.NONE:
        legal, other = ("random_resized_crop", "fashion_mnist_small") if folder else ("shift_flip", "imagenet")
        what = f"{cell.recipe.augment} does not fit data.source={data.source}"
        yield "recipe.augment", what, f"legal: {legal}, none; or other data, such as data={other}"


def _embedded(data: DataConfig) -> Iterator[Misfit]:
    for key, value in _EMBEDDED.items():
        if getattr(data, key) != value:
            what = f"{getattr(data, key)} with source=fashion_mnist_small"
            yield f"data.{key}", what, f"the embedded images have {key}={value}"
    for key, there in _EMBEDDED_SAMPLES.items():
        asked = getattr(data, key)
        if asked is not None and asked > there:
            yield f"data.{key}", f"{asked} samples of fashion_mnist_small", f"it holds {there}; null takes all"


def lone_sample(samples: int, norm: Norm, recipe: RecipeConfig) -> Misfit | None:
    """What is wrong where head a2, which normalizes over the batch, would meet a single sample in training.

    Args:
        samples: of the training set; each replica takes an equal share, the last batch is partial.
    """
    attention = getattr(norm, "attention", None)
    if not isinstance(attention, AttentionConfig) or attention.head is not Head.A2:
        return None
    share, batch = ceil(samples / recipe.replicas), recipe.batch_per_replica
    if not _meets_one(share, batch):
        return None
    return (
        "recipe.batch_per_replica",
        f"{samples} training samples on {recipe.replicas} replica(s) in batches of {batch} make a batch of one sample, "
        "over which head a2 cannot normalize its attention",
        f"sizes that work: {_sizes_that_work(share, batch)}; or change data.train_samples, "
        "or set norm.attention.head=a1",
    )


def _meets_one(share: int, batch: int) -> bool:
    return batch == 1 or share % batch == 1


def _sizes_that_work(share: int, batch: int) -> str:
    """The nearest such sizes below and above."""
    below = next((size for size in range(batch - 1, 1, -1) if not _meets_one(share, size)), None)
    above = next((size for size in range(batch + 1, batch + share + 2) if not _meets_one(share, size)), None)
    return " or ".join(str(size) for size in (below, above) if size is not None) or "none"
