"""SGD with momentum, and which parameters decay (paper, Section 4.2)."""

from __future__ import annotations

from typing import Any

from torch import nn, optim

from an_cli.config.schema import RecipeConfig
from an_cli.norm import parameter_groups


def make_optimizer(model: nn.Module, recipe: RecipeConfig) -> optim.SGD:
    """SGD over all parameters of a model.

    Weight decay holds for every parameter, normalization and attention included, as in the released recipes;
    `recipe.weight_decay_on_norm=false` spares those that belong to a normalization layer directly (gamma, beta, the
    mixture, the attention's own BN), but not the attention's fully connected layer.
    """
    return optim.SGD(
        _groups(model, recipe),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def _groups(model: nn.Module, recipe: RecipeConfig) -> list[dict[str, Any]]:
    return [{"params": list(model.parameters())}] if recipe.weight_decay_on_norm else parameter_groups(model)
