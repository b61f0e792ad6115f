"""From a config to a network."""

from __future__ import annotations

from torch import nn

from an_cli.config.schema import (
    AOGNetConfig,
    MobileNetV2Config,
    ModelConfig,
    NormConfig,
    RecipeConfig,
    ResNetConfig,
)
from an_cli.models.aognet import AOGNet
from an_cli.models.mobilenet_v2 import MobileNetV2
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
        A module (N, channels, H, W) -> (N, classes) with the children `stem`, `stages` and `fc`; MobileNet-v2 has a
        `head` before `fc`.

    Raises:
        ConfigError: a config whose parts do not fit.
    """
    factory = make_norm(norm, stages=model.stages)
    match model:
        case ResNetConfig():
            return ResNet(model, factory, recipe, classes=classes, channels=channels)
        case MobileNetV2Config():
            return MobileNetV2(model, factory, recipe, classes=classes, channels=channels)
        case AOGNetConfig():
            return AOGNet(model, factory, recipe, classes=classes, channels=channels)
