"""The paper's backbones (Section 4), each built from a config and a factory of norms, and what they cost."""

from an_cli.models.build import make_model
from an_cli.models.counts import Counts, KindCounts, ModuleCounts, count
from an_cli.models.resnet import ResNet

__all__ = ["Counts", "KindCounts", "ModuleCounts", "ResNet", "count", "make_model"]
