"""From a cell's config to its task."""

from __future__ import annotations

import torch
from torch import nn

from an_cli.config import CellConfig
from an_cli.config.plugins import TASKS, find_plugin
from an_cli.config.task import PluginTaskConfig
from an_cli.data import Purpose, torch_seed
from an_cli.errors import ConfigError
from an_cli.train.classify import Classify
from an_cli.train.task import Task


def make_task(config: CellConfig) -> Task:
    """The task of a cell.

    Raises:
        ConfigError: a task of the user's that is not installed, or is none.
    """
    match config.task:
        case None:
            return Classify(config)
        case PluginTaskConfig():
            return _own(config, config.task)


def initial_model(task: Task) -> nn.Module:
    """The network of a cell with the initial weights of its seed, on the CPU, the same on every machine."""
    torch.manual_seed(torch_seed(task.config.seed, epoch=0, step=0, replica=0, purpose=Purpose.INIT))
    return task.build()


def _own(config: CellConfig, chosen: PluginTaskConfig) -> Task:
    task = find_plugin(TASKS, chosen.entry_point, "task").load(chosen.parameters)(config)
    if not isinstance(task, Task):
        raise ConfigError(
            f"entry point {chosen.entry_point!r} gave a {type(task).__name__}",
            where="task.entry_point",
            now="it must return an an_cli.train.Task, for example a subclass of an_cli.train.ImageTask",
        )
    return task
