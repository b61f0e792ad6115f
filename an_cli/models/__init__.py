"""The paper's backbones (Section 4), each built from a config and a factory of norms, and what they cost."""

from an_cli.models.aognet import AOGNet
from an_cli.models.build import make_model
from an_cli.models.counts import Counts, KindCounts, ModuleCounts, count
from an_cli.models.mobilenet_v2 import MobileNetV2
from an_cli.models.published import published_names, to_ours
from an_cli.models.resnet import ResNet
from an_cli.models.weights import load, read_state, read_weights

__all__ = [
    "AOGNet",
    "Counts",
    "KindCounts",
    "MobileNetV2",
    "ModuleCounts",
    "ResNet",
    "count",
    "load",
    "make_model",
    "published_names",
    "read_state",
    "read_weights",
    "to_ours",
]
