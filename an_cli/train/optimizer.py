"""SGD with momentum, and which parameters decay (paper, Section 4.2)."""

from __future__ import annotations

from typing import Any

from torch import nn, optim

from an_cli.config.schema import RecipeConfig


def make_optimizer(model: nn.Module, recipe: RecipeConfig) -> optim.SGD:
    """SGD over all parameters of a model.

    Weight decay holds for every parameter, normalization and attention included, as in the released recipes;
    `recipe.weight_decay_on_norm=false` spares those that belong to a normalization layer directly (gamma, beta, the
    mixture, the attention's own BN), but not the attention's fully connected layer.
    """
    return optim.SGD(
        parameter_groups(model, recipe),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def parameter_groups(model: nn.Module, recipe: RecipeConfig) -> list[dict[str, Any]]:
    """Parameters in the model's order, those without weight decay in a second group."""
    if recipe.weight_decay_on_norm:
        return [{"params": list(model.parameters())}]
    spared = {
        id(parameter) for module in model.modules() if _normalizes(module) for parameter in module.parameters(False)
    }
    return [
        {"params": [parameter for parameter in model.parameters() if id(parameter) not in spared]},
        {"params": [parameter for parameter in model.parameters() if id(parameter) in spared], "weight_decay": 0.0},
    ]


def _normalizes(module: nn.Module) -> bool:
    # A module that holds parameters of its own and is no convolution or fully connected layer is a normalization (BN,
    # GN, the mixture of AN), in every network here.
    return not isinstance(module, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d))
