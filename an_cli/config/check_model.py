"""What the types cannot say of a backbone, and of the parts of a recipe that shape it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from an_cli.config.schema import (
    AOGNetConfig,
    MobileNetV2Config,
    ModelConfig,
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
