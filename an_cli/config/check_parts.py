"""What the types cannot say of the parts of a cell: a backbone, data, and what shapes them in a recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import ceil

from an_cli.config.schema import (
    AOGNetConfig,
    AttentionConfig,
    Augment,
    CellConfig,
    DataConfig,
    DataSource,
    Head,
    MobileNetV2Config,
    ModelConfig,
    Norm,
    PluginDataConfig,
    PluginModelConfig,
    RecipeConfig,
    ResNetConfig,
    Stem,
)

Misfit = tuple[str, str, str]  # where, what, now
_PER_STAGE = ("widths", "expansions", "strides", "grids", "splits", "dropout")


def model_misfits(model: ModelConfig, recipe: RecipeConfig) -> Iterator[Misfit]:
    """Misfits of a backbone, and between it and the recipe's stem and shortcut."""
    yield from _per_stage(model)
    match model:
        case ResNetConfig():
            yield from positive(model, "model", ("expansion", "stem_width"))
            if recipe.shortcut is None:
                yield "recipe.shortcut", "null, and a ResNet has strided shortcuts", "legal: average_pool, strided"
        case MobileNetV2Config():
            yield from _mobilenet_v2(model, recipe)
        case AOGNetConfig():
            yield from _aognet(model)
        case PluginModelConfig():
            yield from positive(model, "model", ("stages",))
            yield from plain_values(model.parameters, "model.parameters")
    if (recipe.stem is None) is not isinstance(model, PluginModelConfig):
        yield (
            "recipe.stem",
            f"{'null' if recipe.stem is None else recipe.stem} with model.family={model.family}",
            "null belongs to networks of your own, and only to them: theirs is not ours to choose",
        )
    if recipe.zero_gamma and isinstance(model, PluginModelConfig):
        yield "recipe.zero_gamma", "true with model.family=plugin", "write false: your network sets its own start"
    if recipe.shortcut is not None and not isinstance(model, ResNetConfig):
        yield (
            "recipe.shortcut",
            f"{recipe.shortcut}, and {model.family} has no strided shortcut",
            "leave it null: it shapes ResNets only",
        )


def positive(part: object, name: str, keys: tuple[str, ...]) -> Iterator[Misfit]:
    """Misfits of numbers that must be 1 or more, or null."""
    for key in keys:
        value = getattr(part, key)
        if value is not None and value < 1:
            yield f"{name}.{key}", f"{value} is below 1", "write 1 or more"


def plain_values(parameters: Mapping[str, object], where: str) -> Iterator[Misfit]:
    """Misfits of parameters of a user's part: they enter an id, so they must be plain and finite."""
    for name, value in parameters.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            yield f"{where}.{name}", f"{value!r} is no plain value", "numbers, words, true, false, null and lists are"


def _per_stage(model: ModelConfig) -> Iterator[Misfit]:
    for key in _PER_STAGE:
        given = getattr(model, key, None)
        if isinstance(given, tuple) and len(given) != model.stages:
            yield f"model.{key}", f"{len(given)} {key} for {model.stages} stages", "give one per stage"
    for key in ("blocks", "widths", "expansions", "strides", "grids"):
        values: tuple[int, ...] = getattr(model, key, (1,))
        if not values or min(values) < 1:
            yield f"model.{key}", f"{list(values)} holds no stage or a value below 1", "write 1 or more"


def _mobilenet_v2(model: MobileNetV2Config, recipe: RecipeConfig) -> Iterator[Misfit]:
    yield from positive(model, "model", ("stem_width", "head_width"))
    yield from _probabilities("model.dropout", (model.dropout,))
    if recipe.stem is not Stem.CONV3X3:
        yield "recipe.stem", f"{recipe.stem} does not fit mobilenet_v2", "its stem is conv3x3"


def _aognet(model: AOGNetConfig) -> Iterator[Misfit]:
    yield from positive(model, "model", ("stem_width",))
    yield from _probabilities("model.dropout", model.dropout)
    if not 0 < model.bottleneck <= 1:
        yield "model.bottleneck", f"{model.bottleneck} is not in (0, 1]", "the paper's AOGNets use 0.25"
    for stage, (inputs, outputs, grid) in enumerate(
        zip((model.stem_width, *model.widths), model.widths, model.grids, strict=False), 1
    ):
        wrong = next((width for width in (inputs, outputs) if width % grid), None)
        if wrong is not None:
            yield (
                "model.grids",
                f"stage {stage} splits {wrong} channels into {grid} slots",
                "its input and output channels must divide by the grid",
            )


def _probabilities(where: str, values: tuple[float, ...]) -> Iterator[Misfit]:
    for value in values:
        if not 0 <= value < 1:
            yield where, f"{value} is not in [0, 1)", "it is the probability of dropping a channel"


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
    yield from _of_source(data, cell.recipe)
    if data.train_samples is not None:
        misfit = lone_sample(data.train_samples, cell.norm, cell.recipe)
        yield from () if misfit is None else (misfit,)


def _of_source(data: DataConfig, recipe: RecipeConfig) -> Iterator[Misfit]:
    """What a source holds, needs, and can be augmented by."""
    if data.source is DataSource.FASHION_MNIST_SMALL:
        yield from _embedded(data)
    folder = data.source is DataSource.IMAGE_FOLDER
    if folder is (data.folder is None) or folder is (data.resize is None):
        yield (
            "data.folder",
            f"folder={data.folder}, resize={data.resize} with source={data.source}",
            "both belong to image_folder",
        )
    if folder is not (recipe.augment is Augment.RESIZED_CROP) and recipe.augment is not Augment.NONE:
        legal, other = ("random_resized_crop", "fashion_mnist_small") if folder else ("shift_flip", "imagenet")
        what = f"{recipe.augment} does not fit data.source={data.source}"
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
