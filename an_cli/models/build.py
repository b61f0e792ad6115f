"""From a config to a network."""

from __future__ import annotations

from torch import nn

from an_cli.config.schema import Family, ModelConfig, NormConfig, RecipeConfig
from an_cli.models.resnet import ResNet
from an_cli.norm import make_norm


def make_model(model: ModelConfig, norm: NormConfig, recipe: RecipeConfig, *, classes: int, channels: int) -> nn.Module:
    """Build a backbone with its classifier, initialized.

    Args:
        model: the backbone.
        norm: its normalization.
        recipe: stem, shortcut and zero-gamma differ by setup (Section 4.2), so they come from the recipe.
        classes: outputs of the classifier.
        channels: channels of the input images.

    Returns:
        A module (N, channels, H, W) -> (N, classes) with the children `stem`, `stages` and `fc`.

    Raises:
        ConfigError: a config whose parts do not fit.
    """
    factory = make_norm(norm, stages=len(model.blocks))
    match model.family:
        case Family.RESNET:
            return ResNet(model, factory, recipe, classes=classes, channels=channels)
