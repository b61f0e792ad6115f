"""Exact parameters and MACs; tests/golden/counts.json says where the numbers come from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from an_cli.config.schema import (
    AttentionConfig,
    AttentionInput,
    Augment,
    Family,
    Gate,
    Head,
    Interpolation,
    ModelConfig,
    NormConfig,
    Placement,
    Precision,
    RecipeConfig,
    Shortcut,
    Squeeze,
    Standardize,
    Stem,
)
from an_cli.models import Counts, count, make_model

_GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "counts.json").read_text())
_BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
_BN = NormConfig(standardize=Standardize.BN, eps=1e-5, momentum=0.1, groups=None, placement=None, attention=None)
_VANILLA = RecipeConfig(
    stem=Stem.CONV7X7,
    shortcut=Shortcut.STRIDED,
    zero_gamma=True,
    epochs=120,
    warmup_epochs=5,
    lr=0.4,
    momentum=0.9,
    nesterov=False,
    weight_decay=1e-4,
    weight_decay_on_norm=True,
    label_smoothing=0.0,
    mixup_alpha=0.0,
    augment=Augment.RESIZED_CROP,
    interpolation=Interpolation.BILINEAR,
    replicas=8,
    batch_per_replica=128,
    precision=Precision.FP32,
    loss_scale=None,
    cpu_threads=None,
    deterministic=False,
)
_RECIPES = {
    "vanilla": _VANILLA,
    "sota": dataclasses.replace(_VANILLA, stem=Stem.DEEP3X3, shortcut=Shortcut.AVERAGE_POOL),
}


def _attentive(design: str = "rsd a2 hsigmoid 10-10-20-20", placement: str = "second") -> NormConfig:
    squeeze, head, gate, components = design.split()
    attention = AttentionConfig(
        squeeze=Squeeze(squeeze),
        head=Head(head),
        gate=Gate(gate),
        components=tuple(int(k) for k in components.split("-")),
        input=AttentionInput.RAW,
        eps=1e-3,
    )
    return dataclasses.replace(_BN, placement=Placement(placement), attention=attention)


def _build(name: str, setup: str, norm: NormConfig) -> nn.Module:
    model = ModelConfig(
        family=Family.RESNET, blocks=_BLOCKS[name], widths=(64, 128, 256, 512), expansion=4, stem_width=64
    )
    with torch.device("meta"):
        return make_model(model, norm, _RECIPES[setup], classes=1000, channels=3)


def _count(name: str, setup: str, norm: NormConfig) -> Counts:
    return count(_build(name, setup, norm), (3, 224, 224))


@pytest.mark.parametrize("name", _GOLDEN["networks"])
def test_networks_cost_what_the_released_ones_cost(name: str) -> None:
    arch, norm, setup = name.split("-")
    expected = _GOLDEN["networks"][name]
    counts = _count(arch, setup, _attentive() if norm == "an" else _BN)
    assert (counts.params, counts.macs) == (expected["params"], expected["macs"])
    assert {m.name: m.params for m in counts.modules} == expected["params_by_module"]
    assert {m.name: m.macs for m in counts.modules} == expected["macs_by_module"]
    assert dataclasses.asdict(counts.kinds) == expected["kinds"]
    assert sum(len(m.attentive) for m in counts.modules) == expected["attentive_layers"]


@pytest.mark.parametrize("design", _GOLDEN["variants"])
def test_designs_of_table_1_cost_what_they_should(design: str) -> None:
    counts = _count("resnet50", "vanilla", _attentive(design))
    assert {"params": counts.params, "macs": counts.macs} == _GOLDEN["variants"][design]


@pytest.mark.parametrize("case", _GOLDEN["placements"])
def test_placements_cost_what_they_should(case: str) -> None:
    network, placement = case.split()
    arch, setup = network.split("-")
    assert _count(arch, setup, _attentive(placement=placement)).params == _GOLDEN["placements"][case]


def test_modules_report_output_shapes_and_the_channels_and_k_of_attention() -> None:
    modules = {m.name: m for m in _count("resnet50", "vanilla", _attentive()).modules}
    assert list(modules) == ["stem", "stage1", "stage2", "stage3", "stage4", "fc"]
    assert [m.output_shape for m in modules.values()] == [
        (64, 56, 56),
        (256, 56, 56),
        (512, 28, 28),
        (1024, 14, 14),
        (2048, 7, 7),
        (1000,),
    ]
    assert modules["stage1"].attentive == ((64, 10),) * 3
    assert modules["stage4"].attentive == ((512, 20),) * 3


def test_gn_costs_the_same_parameters_as_bn() -> None:
    gn = dataclasses.replace(_BN, standardize=Standardize.GN, momentum=None, groups=32)
    assert _count("resnet50", "vanilla", gn).params == _GOLDEN["networks"]["resnet50-bn-vanilla"]["params"]


def test_counting_a_real_network_agrees_with_meta_and_leaves_it_as_it_was() -> None:
    model = ModelConfig(family=Family.RESNET, blocks=(1, 2), widths=(8, 16), expansion=2, stem_width=8)
    recipe = dataclasses.replace(_VANILLA, stem=Stem.CONV3X3)
    norm = _attentive("rsd a2 hsigmoid 2-3")
    real = make_model(model, norm, recipe, classes=10, channels=1).train()
    with torch.device("meta"):
        meta = make_model(model, norm, recipe, classes=10, channels=1)
        on_meta = count(meta, (1, 28, 28))
    before = {name: t.clone() for name, t in real.state_dict().items()}
    assert count(real, (1, 28, 28)) == on_meta
    assert all(torch.equal(t, before[name]) for name, t in real.state_dict().items())
    assert all(m.training and not m._forward_hooks for m in real.modules())
