"""From a config to a network."""

from __future__ import annotations

from torch import nn

from an_cli.config.plugins import MODELS, find_plugin
from an_cli.config.schema import (
    AOGNetConfig,
    MobileNetV2Config,
    ModelConfig,
    Norm,
    PluginModelConfig,
    RecipeConfig,
    ResNetConfig,
)
from an_cli.errors import ConfigError
from an_cli.models.aognet import AOGNet
from an_cli.models.mobilenet_v2 import MobileNetV2
from an_cli.models.resnet import ResNet
from an_cli.norm import NormFactory, make_norm


def make_model(model: ModelConfig, norm: Norm, recipe: RecipeConfig, *, classes: int, channels: int) -> nn.Module:
    """Build a backbone with its classifier, initialized.

    Args:
        model: the backbone.
        norm: its normalization.
        recipe: stem, shortcut and zero-gamma differ by setup (Section 4.2), so they come from the recipe.
        classes: outputs of the classifier.
        channels: channels of the input images.

    Returns:
        A module (N, channels, H, W) -> (N, classes) with the children `stem`, `stages` and `fc`; MobileNet-v2 has a
        `head` before `fc`; a network of the user's own has the children it has.

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
        case PluginModelConfig():
            return _own(model, factory, classes=classes, channels=channels)


def _own(model: PluginModelConfig, norm: NormFactory, *, classes: int, channels: int) -> nn.Module:
    make = find_plugin(MODELS, model.entry_point, "model").load(model.parameters)
    network = make(norm, classes=classes, channels=channels)
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"entry point {model.entry_point!r} gave a {type(network).__name__}",
            where="model.entry_point",
            now="it must return a torch.nn.Module",
        )
    return network
