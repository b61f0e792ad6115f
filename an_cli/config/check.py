"""What the types cannot say: values that must fit each other or lie in a range."""

from __future__ import annotations

from collections.abc import Iterator

from an_cli.config.check_parts import Misfit, data_misfits, model_misfits, plain_values, positive
from an_cli.config.check_task import task_misfits
from an_cli.config.launching import LaunchConfig, slurm_misfits, tracking_misfits
from an_cli.config.schema import (
    AttentionConfig,
    CellConfig,
    Norm,
    NormConfig,
    PluginNormConfig,
    Precision,
    RecipeConfig,
    SqueezeExciteConfig,
    Standardize,
)
from an_cli.errors import ConfigError


def check_cell(cell: CellConfig) -> CellConfig:
    """Return the cell, or say what in it cannot go together.

    Raises:
        ConfigError: the first misfit, with its dotted key and what now.
    """
    for where, what, now in _misfits(cell):
        raise ConfigError(what, where=where, now=now)
    return cell


def _misfits(cell: CellConfig) -> Iterator[Misfit]:
    yield from model_misfits(cell.model, cell.recipe)
    yield from _norm(cell.norm, stages=cell.model.stages)
    yield from _recipe(cell.recipe)
    yield from data_misfits(cell)
    if cell.task is not None:
        yield from task_misfits(cell.task)
    if cell.seed < 0:
        yield "seed", f"{cell.seed} is negative", "write 0 or more"


def _norm(norm: Norm, stages: int) -> Iterator[Misfit]:
    match norm:
        case PluginNormConfig():
            yield from plain_values(norm.parameters, "norm.parameters")
        case NormConfig():
            yield from _own_norm(norm, stages)


def _own_norm(norm: NormConfig, stages: int) -> Iterator[Misfit]:
    if (norm.attention is None) is not (norm.placement is None):
        yield (
            "norm.placement",
            f"placement is {norm.placement} and attention is {'absent' if norm.attention is None else 'given'}",
            "placement says where attention goes: give both (norm=an_bn) or neither (norm=bn)",
        )
    if (norm.groups is None) is (norm.standardize is Standardize.GN):
        yield (
            "norm.groups",
            f"groups={norm.groups} with standardize={norm.standardize}",
            "groups belongs to gn, and only to it",
        )
    if (norm.momentum is None) is (norm.standardize in (Standardize.BN, Standardize.SN)):
        what = f"momentum={norm.momentum} with standardize={norm.standardize}"
        yield "norm.momentum", what, "momentum belongs to bn and sn, and only to them"
    yield from positive(norm, "norm", ("groups",))
    if norm.momentum is not None and not 0 < norm.momentum <= 1:
        yield "norm.momentum", f"{norm.momentum} is not in (0, 1]", "it weighs the newest batch: the paper uses 0.1"
    if norm.eps <= 0:
        yield "norm.eps", f"{norm.eps} is not positive", "it keeps a root from zero: 1e-5 is usual"
    match norm.attention:
        case SqueezeExciteConfig():
            yield from positive(norm.attention, "norm.attention", ("reduction",))
        case AttentionConfig():
            yield from _attention(norm.attention, norm.standardize, stages)


def _attention(attention: AttentionConfig, standardize: Standardize, stages: int) -> Iterator[Misfit]:
    if standardize is Standardize.SN:
        yield (
            "norm.standardize",
            "sn under attention: the attention would mix what sn has mixed already",
            "bn or gn, or norm=sn without attention",
        )
    if attention.eps <= 0:
        yield "norm.attention.eps", f"{attention.eps} is not positive", "1e-3 is shipped"
    components = attention.components
    if len(components) != stages:
        yield (
            "norm.attention.components",
            f"{list(components)} has {len(components)} values (K), the model has {stages} stages",
            f"give one K per stage, {stages} in all",
        )
    if any(k < 1 for k in components):
        yield "norm.attention.components", f"{list(components)} holds a K below 1", "every K is 1 or more"


def _recipe(recipe: RecipeConfig) -> Iterator[Misfit]:
    yield from positive(recipe, "recipe", ("epochs", "replicas", "batch_per_replica", "cpu_threads"))
    for key in ("lr", "momentum", "weight_decay", "label_smoothing", "mixup_alpha", "warmup_epochs"):
        if getattr(recipe, key) < 0:
            yield f"recipe.{key}", f"{getattr(recipe, key)} is negative", "write 0 or more"
    if recipe.label_smoothing >= 1:
        yield "recipe.label_smoothing", f"{recipe.label_smoothing} is not below 1", "the paper uses 0.1"
    if recipe.warmup_epochs >= recipe.epochs:
        yield (
            "recipe.warmup_epochs",
            f"{recipe.warmup_epochs} warm-up epochs of {recipe.epochs}",
            "warm-up must be shorter than training: set recipe.warmup_epochs=0 or more epochs",
        )
    if (recipe.loss_scale is None) is (recipe.precision is Precision.FP16):
        yield (
            "recipe.loss_scale",
            f"{recipe.loss_scale} with precision={recipe.precision}",
            "fp16 takes 128, the others null",
        )
    if recipe.loss_scale is not None and recipe.loss_scale <= 0:
        yield "recipe.loss_scale", f"{recipe.loss_scale} is not positive", "fp16 takes 128"
    if recipe.nesterov and recipe.momentum == 0:
        yield "recipe.nesterov", "Nesterov momentum without momentum", "set recipe.momentum=0.9"


def check_launch(launch: LaunchConfig) -> LaunchConfig:
    """Return the launch settings, or say which is out of range.

    Raises:
        ConfigError: the first setting out of range.
    """
    if launch.processes is not None and launch.processes < 1:
        raise ConfigError(f"{launch.processes} is below 1", where="launch.processes", now="write 1 or more, or null")
    if launch.gpus is not None and launch.gpus < 0:
        raise ConfigError(f"{launch.gpus} is negative", where="launch.gpus", now="write 0 or more, or null")
    if launch.ranks < 1:
        raise ConfigError(f"{launch.ranks} is below 1", where="launch.ranks", now="write 1 or more")
    if launch.loader_workers is not None and launch.loader_workers < 0:
        raise ConfigError(f"{launch.loader_workers} is negative", where="launch.loader_workers", now="write 0 or more")
    if launch.checkpoint_interval_s <= 0:
        raise ConfigError(
            f"{launch.checkpoint_interval_s} is not positive", where="launch.checkpoint_interval_s", now="seconds"
        )
    for where, what, now in (*tracking_misfits(launch), *slurm_misfits(launch)):
        raise ConfigError(what, where=where, now=now)
    return launch
