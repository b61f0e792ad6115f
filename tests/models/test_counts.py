"""Exact parameters and MACs; tests/golden/counts.json says where the numbers come from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from an_cli.config import CellConfig, Composer
from an_cli.config.schema import MobileNetV2Config
from an_cli.models import Counts, count, make_model
from an_cli.models.aognet import AndOrBlock
from tests.tiny import TINY

_GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "counts.json").read_text())
_MODELS = {"aognet12m": "aognet_12m", "aognet40m": "aognet_40m", "mobilenetv2": "mobilenet_v2"}
_NORMS = {"an": "an_bn"}


def _cell(composer: Composer, network: str, *overrides: str) -> CellConfig:
    """A network of the golden file: ARCHITECTURE-NORM-SETUP."""
    arch, norm, setup = network.split("-")
    names = (f"model={_MODELS.get(arch, arch)}", f"norm={_NORMS.get(norm, norm)}", f"recipe={setup.split('+')[0]}")
    return composer.compose([*names, *overrides]).cell


def _build(cell: CellConfig) -> nn.Module:
    with torch.device("meta"):
        return make_model(cell.model, cell.norm, cell.recipe, classes=1000, channels=3)


def _count(composer: Composer, network: str, *overrides: str) -> Counts:
    return count(_build(_cell(composer, network, *overrides)), (3, 224, 224))


@pytest.mark.parametrize("name", _GOLDEN["networks"])
def test_networks_cost_what_the_released_ones_cost(name: str, composer: Composer) -> None:
    expected = _GOLDEN["networks"][name]
    counts = _count(composer, name)
    assert (counts.params, counts.macs) == (expected["params"], expected["macs"])
    if "params_by_module" in expected:
        assert {m.name: m.params for m in counts.modules} == expected["params_by_module"]
        assert {m.name: m.macs for m in counts.modules} == expected["macs_by_module"]
    assert dataclasses.asdict(counts.kinds) == expected["kinds"]
    assert sum(len(m.attentive) for m in counts.modules) == expected["attentive_layers"]


def _blocks(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The smallest parts that the golden file counts: bottlenecks, transitions, nodes and the norms after them."""
    for stage, blocks in enumerate(model.get_submodule("stages").children(), 1):
        for i, (name, block) in enumerate(blocks.named_children(), 1):
            if isinstance(block, AndOrBlock):
                yield from ((f"stage{stage}.{name}.{node}", op) for node, op in block.nodes.named_children())
                yield f"stage{stage}.{name}.final_norm", block.norm
            else:
                yield f"stage{stage}.{name if name == 'transition' else f'block{i}'}", block


@pytest.mark.parametrize("name", [name for name in _GOLDEN["networks"] if "mobilenetv2" not in name])
def test_every_block_and_node_has_the_parameters_of_the_released_one(name: str, composer: Composer) -> None:
    found = {part: _params(module) for part, module in _blocks(_build(_cell(composer, name)))}
    assert found == _GOLDEN["networks"][name]["params_by_block"]


@pytest.mark.parametrize("name", ["mobilenetv2-bn-vanilla", "mobilenetv2-an-vanilla"])
def test_every_inverted_residual_has_the_parameters_of_the_released_one(name: str, composer: Composer) -> None:
    model = _build(_cell(composer, name))
    blocks = [block for group in model.get_submodule("stages").children() for block in group.children()]
    parts = [model.get_submodule("stem"), *blocks, model.get_submodule("head"), model.get_submodule("fc")]
    assert [_params(part) for part in parts] == list(_GOLDEN["networks"][name]["params_by_block"].values())


def _params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("design", _GOLDEN["variants"])
def test_designs_of_table_1_cost_what_they_should(design: str, composer: Composer) -> None:
    keys = ("squeeze", "head", "gate", "components")
    overrides = [f"norm.attention.{key}={word}" for key, word in zip(keys, design.split(), strict=True)]
    overrides[-1] = overrides[-1].replace("-", ",").replace("=", "=[") + "]"
    counts = _count(composer, "resnet50-an-vanilla", *overrides)
    assert {"params": counts.params, "macs": counts.macs} == _GOLDEN["variants"][design]


@pytest.mark.parametrize("case", _GOLDEN["placements"])
def test_placements_cost_what_they_should(case: str, composer: Composer) -> None:
    network, placement = case.split()
    arch, setup = network.split("-")
    counts = _count(composer, f"{arch}-an-{setup}", f"norm.placement={placement}")
    assert counts.params == _GOLDEN["placements"][case]


@pytest.mark.parametrize("case", _GOLDEN["baselines"])
def test_baselines_of_table_2_cost_what_they_should(case: str, composer: Composer) -> None:
    assert _count(composer, case).params == _GOLDEN["baselines"][case]


def test_two_readings_of_the_printed_size_of_mobilenet_v2_differ_from_the_released_k(composer: Composer) -> None:
    counts = _count(composer, "mobilenetv2-an-vanilla", "model.components=[2,2,2,2,4,4,4]")
    assert counts.params == _GOLDEN["mobilenetv2_with_k_2_2_2_2_4_4_4"]


def test_squeeze_and_excitation_counts_as_attention(composer: Composer) -> None:
    counts = _count(composer, "resnet50-bn_se-vanilla")
    assert counts.kinds.attention == 2_530_992
    assert counts.kinds.norm == _count(composer, "resnet50-bn-vanilla").kinds.norm


def test_modules_report_output_shapes_and_the_channels_and_k_of_attention(composer: Composer) -> None:
    modules = {m.name: m for m in _count(composer, "resnet50-an-vanilla").modules}
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


def test_half_the_width_halves_the_channels_to_multiples_of_eight(composer: Composer) -> None:
    half = _cell(composer, "mobilenetv2-an-vanilla", "model.width_factor=0.5").model
    assert isinstance(half, MobileNetV2Config)
    assert half.widths == (8, 16, 16, 32, 48, 80, 160)
    assert (half.stem_width, half.head_width) == (16, 1280)
    assert (
        _cell(composer, "resnet50-bn-vanilla", "model.width_factor=2").model
        == _cell(composer, "resnet50-bn-vanilla", "model.widths=[128,256,512,1024]", "model.stem_width=128").model
    )


def test_counting_a_real_network_agrees_with_meta_and_leaves_it_as_it_was(composer: Composer) -> None:
    cell = composer.compose(TINY).cell
    real = make_model(cell.model, cell.norm, cell.recipe, classes=10, channels=1).train()
    with torch.device("meta"):
        meta = make_model(cell.model, cell.norm, cell.recipe, classes=10, channels=1)
        on_meta = count(meta, (1, 28, 28))
    before = {name: t.clone() for name, t in real.state_dict().items()}
    assert count(real, (1, 28, 28)) == on_meta
    assert all(torch.equal(t, before[name]) for name, t in real.state_dict().items())
    assert all(m.training and not m._forward_hooks for m in real.modules())
