"""Classification, and the regression of docs/your-own-part.md, keep the contract of tasks."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from an_cli.config import Composer, read
from an_cli.config.task import PluginTaskConfig
from an_cli.train import Task, make_task
from tests.tiny import TINY
from tests.train.task_contract import TaskContract

PAGE = (Path(__file__).parents[2] / "docs" / "your-own-part.md").read_text(encoding="utf-8")


def _block(language: str, name: str) -> str:
    found = re.search(rf"^```{language}\n# {re.escape(name)}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


class TestClassify(TaskContract):
    @pytest.fixture
    def task(self, composer: Composer) -> Task:
        return make_task(composer.compose([*TINY]).cell)


class TestMixedAndSmoothed(TaskContract):
    @pytest.fixture
    def task(self, composer: Composer) -> Task:
        return make_task(composer.compose([*TINY, "recipe.mixup_alpha=0.2", "recipe.label_smoothing=0.1"]).cell)


class TestRegress(TaskContract):
    @pytest.fixture
    def task(self, composer: Composer) -> Task:
        made: dict[str, Any] = {}
        exec(_block("python", "my_task.py"), made)  # the page's own code
        chosen = read(PluginTaskConfig, yaml.safe_load(_block("yaml", "conf/task/regress.yaml")))
        cell = dataclasses.replace(composer.compose([*TINY]).cell, task=chosen)
        task: Task = made["Regress"](cell, **chosen.parameters)
        return task
