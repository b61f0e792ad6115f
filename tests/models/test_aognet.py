"""And-Or blocks against reference vectors (tests/golden/aog_block_golden.md), and the paper's channel plan."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from an_cli.config import Composer
from an_cli.config.schema import AOGNetConfig, AttentionConfig, Splits
from an_cli.models import make_model
from an_cli.models.aog import make_graph
from an_cli.models.aognet import AndOrBlock, block_channels, middle_channels
from an_cli.models.bottleneck import Bottleneck
from an_cli.norm import AttentiveNorm2d, make_norm

_FILE = np.load(Path(__file__).parents[1] / "golden" / "aog_block_golden.npz")
_BLOCKS = ["dim2_sym1_cin8_cout16", "dim4_sym1_cin8_cout16"]
_ATTENTIVE = {
    "affine_gamma_KxC": "mixture.gamma",
    "affine_beta_KxC": "mixture.beta",
    "attn_conv_weight": "attention.head.fc.weight",
    "attn_norm_weight": "attention.head.bn.weight",
    "attn_norm_bias": "attention.head.bn.bias",
    "attn_norm_running_mean": "attention.head.bn.running_mean",
    "attn_norm_running_var": "attention.head.bn.running_var",
    "running_mean": "standardizer.running_mean",
    "running_var": "standardizer.running_var",
}


def _get(block: str, name: str) -> Tensor:
    return torch.from_numpy(np.array(_FILE[f"{block}/{name}"]))


def _names(block: str) -> list[str]:
    return [name.removeprefix(f"{block}/") for name in _FILE.files if name.startswith(f"{block}/")]


def _ours(block: str, name: str, *, attentive: bool) -> str:
    """`node3/norm1_weight` -> `nodes.node3.norm1.weight`."""
    place, _, rest = name.rpartition("/")
    for part in ("shortcut_conv", "shortcut_norm", "final_norm", "conv1", "conv2", "conv3", "norm1", "norm2", "norm3"):
        if rest.startswith(f"{part}_"):
            what = rest.removeprefix(f"{part}_")
            break
    what = _ATTENTIVE[what] if attentive else what
    module = {"shortcut_conv": "shortcut.0", "shortcut_norm": "shortcut.1", "final_norm": "norm"}.get(part, part)
    return f"nodes.{place}.{module}.{what}" if place else f"{module}.{what}"


def _block(block: str, composer: Composer) -> AndOrBlock:
    grid, _, inputs, outputs = (int(number) for number in re.findall(r"\d+", block))
    config = composer.compose(["norm.attention.components=[3,3,3,3]"]).cell.norm
    graph = make_graph(grid, Splits.LEFT, lateral=True)
    norm = make_norm(config, stages=4)
    layer = AndOrBlock(graph, inputs, outputs, bottleneck=0.25, dropout=0.0, stage=0, norm=norm).double()
    full = {f"node{node.id}/norm2_" for node in graph.nodes if node.width == grid}
    weights = [n for n in _names(block) if n.rpartition("/")[2].startswith(("conv", "norm", "shortcut", "final"))]
    state = {
        _ours(block, name, attentive=any(name.startswith(prefix) for prefix in full)): _get(block, name)
        for name in weights
    }
    state = {name: t.flatten(1) if name.endswith("fc.weight") else t for name, t in state.items()}
    counters = {name: t for name, t in layer.state_dict().items() if name.endswith("num_batches_tracked")}
    layer.load_state_dict({**state, **counters})  # strict: the vectors name every other tensor of the block
    return layer


def _close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("block", _BLOCKS)
def test_every_nodes_inputs_and_output_match_the_vectors(block: str, composer: Composer) -> None:
    layer = _block(block, composer).eval()
    seen: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def note(name: str) -> None:
        def hook(_: nn.Module, taken: tuple[Tensor, Tensor], out: Tensor) -> None:
            seen[name] = (*taken, out)

        layer.nodes[name].register_forward_hook(hook)

    for name in layer.nodes:
        note(name)
    _close(layer(_get(block, "input")), _get(block, "output_eval"))
    assert [int(name.removeprefix("node")) for name in seen] == _get(block, "execution_order").tolist()
    for name, tensors in seen.items():
        for tensor, what in zip(tensors, ("eval_op_input", "eval_residual_input", "eval_output"), strict=True):
            _close(tensor, _get(block, f"{name}/{what}"))


@pytest.mark.parametrize("block", _BLOCKS)
def test_a_block_in_training_matches_the_vectors(block: str, composer: Composer) -> None:
    _close(_block(block, composer).train()(_get(block, "input")), _get(block, "output_train_no_dropout"))


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ((32, 128, 2, 2), [80, 128]),
        ((256, 512, 2, 4), [384, 512]),
        ((512, 824, 1, 4), [824]),
        ((448, 896, 3, 4), [596, 744, 896]),  # 149 is no multiple of 4: 148
        ((10, 22, 2, 4), [14, 22]),  # 6 lies between 4 and 8: down
        ((10, 24, 2, 4), [18, 24]),  # 7 is nearer to 8
    ],
)
def test_blocks_put_out_channels_in_equal_steps_of_the_grid(stage: tuple[int, ...], expected: list[int]) -> None:
    assert block_channels(*stage) == expected


@pytest.mark.parametrize(("outputs", "middle"), [(206, 52), (618, 155), (412, 103), (148, 37), (8, 4), (16, 4)])
def test_middle_channels_round_halves_up_and_are_four_or_more(outputs: int, middle: int) -> None:
    assert middle_channels(outputs, 0.25) == middle


@pytest.mark.parametrize(("placement", "layers"), [("second", 24), ("every_second", 91), ("all", 322)])
def test_attention_stands_in_full_nodes_unless_the_placement_says_more(
    placement: str, layers: int, composer: Composer
) -> None:
    cell = composer.compose(["model=aognet_12m", f"norm.placement={placement}"]).cell
    with torch.device("meta"):
        model = make_model(cell.model, cell.norm, cell.recipe, classes=10, channels=3)
    assert isinstance(cell.norm.attention, AttentionConfig)
    assert sum(isinstance(module, AttentiveNorm2d) for module in model.modules()) == layers


def _small(composer: Composer, **changes: object) -> nn.Module:
    cell = composer.compose(["model=aognet_small", "recipe=demo", "data=fashion_mnist_small"]).cell
    assert isinstance(cell.model, AOGNetConfig)
    model = dataclasses.replace(cell.model, **changes)  # type: ignore[arg-type]
    torch.manual_seed(0)
    return make_model(model, cell.norm, cell.recipe, classes=10, channels=1)


def test_channels_are_dropped_in_training_only_and_only_where_asked(composer: Composer) -> None:
    x = torch.randn(4, 1, 28, 28)
    model = _small(composer)
    assert torch.equal(model.eval()(x), model(x))
    stages = list(model.get_submodule("stages").children())
    dropout = [{b.dropout for b in stage.modules() if isinstance(b, Bottleneck)} for stage in stages]
    assert dropout == [{0.0}, {0.0}, {0.1}, {0.1}]
    norm = make_norm(composer.compose(["norm=bn"]).cell.norm, stages=4)
    block = Bottleneck(16, 4, 16, stride=1, stage=0, norm=norm, shortcut=nn.Identity(), dropout=0.5).train()
    y = torch.randn(4, 16, 7, 7) + 100  # so high that the last ReLU passes everything
    dropped = (block(y) - y).flatten(2).abs().amax(2) == 0  # whole channels, each by itself
    assert 0.2 < dropped.float().mean().item() < 0.8


def test_a_transition_rounds_odd_maps_up(composer: Composer) -> None:
    shapes = []
    model = _small(composer).eval()
    for stage in model.get_submodule("stages").children():
        stage.register_forward_hook(lambda _module, _inputs, out: shapes.append(tuple(out.shape[1:])))
    model(torch.zeros(1, 1, 28, 28))
    assert shapes == [(16, 14, 14), (32, 7, 7), (48, 4, 4), (64, 2, 2)]
