"""AOGNet (Li et al., 2019): stages of And-Or blocks, each node of whose graph is a bottleneck.

A block of C channels has D equal slots; a node works on the slots of its span. All blocks run at stride 1: stages after
the first begin with a transition that halves the map. With attentive normalization only the nodes that see all slots
are attentive, as released; the paper's text says every bottleneck.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from an_cli.config.schema import AOGNetConfig, RecipeConfig
from an_cli.models.aog import Graph, Node, NodeKind, make_graph
from an_cli.models.bottleneck import Bottleneck, draw_convolutions, silence_branches
from an_cli.models.stem import conv, make_stem
from an_cli.norm import NormFactory, Slot

_NARROWEST = 4  # middle channels of a node, at least


class AOGNet(nn.Module):
    """Stem, stages of And-Or blocks, global average, linear classifier.

    Convolutions start He normal (fan-out), the classifier as PyTorch has it; zero-gamma, which the released AOGNets
    never use, silences the branch of every node.

    Args:
        model: blocks, widths and graphs of the stages.
        norm: makes the normalization layers.
        recipe: stem and zero-gamma.
        classes: outputs.
        channels: channels of the images.

    Shape:
        (N, channels, H, W) -> (N, classes)

    Source: Section 4.1; Li et al., CVPR 2019.
    """

    def __init__(
        self, model: AOGNetConfig, norm: NormFactory, recipe: RecipeConfig, *, classes: int, channels: int
    ) -> None:
        super().__init__()
        self.stem = make_stem(recipe.stem, channels, model.stem_width, norm)
        self.stages = nn.ModuleList(_stages(model, norm))
        self.fc = nn.Linear(model.widths[-1], classes)
        draw_convolutions(self)
        if recipe.zero_gamma:
            silence_branches(self)

    def forward(self, x_nchw: Tensor) -> Tensor:
        x_nchw = self.stem(x_nchw)
        for stage in self.stages:
            x_nchw = stage(x_nchw)
        logits: Tensor = self.fc(x_nchw.mean((2, 3)))
        return logits


class AndOrBlock(nn.Module):
    """An And-Or graph of bottlenecks, a norm and a ReLU.

    Args:
        graph: the wiring; its grid divides both channel counts.
        inputs: input channels.
        outputs: output channels.
        bottleneck: a node's middle channels as a part of its outputs.
        dropout: probability of dropping a channel of a node's branch.
        stage: from 0, for the norm factory.
        norm: makes the normalization layers.

    Shape:
        (N, inputs, H, W) -> (N, outputs, H, W)
    """

    def __init__(
        self,
        graph: Graph,
        inputs: int,
        outputs: int,
        *,
        bottleneck: float,
        dropout: float,
        stage: int,
        norm: NormFactory,
    ) -> None:
        super().__init__()
        self.graph, self.slot_inputs = graph, inputs // graph.grid
        slot_outputs = outputs // graph.grid

        def make_node(node: Node) -> Bottleneck:
            put_out = node.width * slot_outputs
            taken_in = node.width * self.slot_inputs if node.kind is NodeKind.T else put_out
            return Bottleneck(
                taken_in,
                middle_channels(put_out, bottleneck),
                put_out,
                stride=1,
                stage=stage,
                norm=norm,
                shortcut=_shortcut(taken_in, put_out, stage=stage, norm=norm),
                middle=Slot.SECOND if node.width == graph.grid else Slot.PART,
                dropout=dropout,
            )

        self.nodes = nn.ModuleDict({f"node{i}": make_node(graph.nodes[i]) for i in graph.order})
        self.norm = norm(outputs, slot=Slot.OUTPUT, stage=stage)

    def forward(self, x_nchw: Tensor) -> Tensor:
        done: dict[int, Tensor] = {}
        for i in self.graph.order:
            done[i] = self.nodes[f"node{i}"](*self._inputs(self.graph.nodes[i], x_nchw, done))
        return torch.relu(self.norm(done[0]))

    def _inputs(self, node: Node, x_nchw: Tensor, done: dict[int, Tensor]) -> tuple[Tensor, Tensor]:
        """The branch's input and the residual input of a node."""
        if node.kind is NodeKind.T:
            taken = x_nchw[:, node.first * self.slot_inputs : (node.last + 1) * self.slot_inputs]
            return taken, taken
        joined = _join(node.kind, [done[i] for i in node.parts])
        branch = _add(joined, [done[i] for i in node.lateral])
        if node.lateral == node.lateral_residual and set(node.scales) == {1}:
            return branch, branch
        if set(node.scales) != {1}:
            joined = _join(node.kind, [scale * done[i] for i, scale in zip(node.parts, node.scales, strict=True)])
        return branch, _add(joined, [done[i] for i in node.lateral_residual])


def middle_channels(outputs: int, bottleneck: float) -> int:
    """Middle channels of a node: a part of its outputs, halves rounded up, 4 or more."""
    return max(_NARROWEST, math.floor(bottleneck * outputs + 0.5))


def block_channels(inputs: int, outputs: int, blocks: int, grid: int) -> list[int]:
    """Output channels of a stage's blocks: equal steps that the grid divides, the last block taking what is left.

    The step is the whole part of (outputs - inputs) / blocks, moved to the nearest multiple of the grid, down on a tie.
    """
    step = (outputs - inputs) // blocks
    below = step - step % grid
    step = below + grid if 2 * (step - below) > grid else below
    return [*(inputs + j * step for j in range(1, blocks)), outputs]


def _join(kind: NodeKind, parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(parts), 1) if kind is NodeKind.AND else _add(parts[0], parts[1:])


def _add(first: Tensor, others: Sequence[Tensor]) -> Tensor:
    for other in others:
        first = first + other
    return first


def _shortcut(inputs: int, outputs: int, *, stage: int, norm: NormFactory) -> nn.Module:
    if inputs == outputs:
        return nn.Identity()
    return nn.Sequential(conv(inputs, outputs, 1), norm(outputs, slot=Slot.SHORTCUT, stage=stage))


def _stages(model: AOGNetConfig, norm: NormFactory) -> Iterator[nn.Sequential]:
    inputs = model.stem_width
    for stage, outputs in enumerate(model.widths):
        yield nn.Sequential(OrderedDict(_stage(model, norm, stage, inputs, outputs)))
        inputs = outputs


def _stage(
    model: AOGNetConfig, norm: NormFactory, stage: int, inputs: int, outputs: int
) -> Iterator[tuple[str, nn.Module]]:
    if stage > 0:
        yield "transition", _transition(inputs, stage=stage, norm=norm)
    graph = make_graph(model.grids[stage], model.splits[stage], lateral=model.lateral)
    for i, width in enumerate(block_channels(inputs, outputs, model.blocks[stage], graph.grid), 1):
        block = AndOrBlock(
            graph,
            inputs,
            width,
            bottleneck=model.bottleneck,
            dropout=model.dropout[stage],
            stage=stage,
            norm=norm,
        )
        yield f"block{i}", block
        inputs = width


def _transition(channels: int, *, stage: int, norm: NormFactory) -> nn.Sequential:
    """1x1 convolution, norm, ReLU, then a 2x2 average that takes odd maps too."""
    return nn.Sequential(
        conv(channels, channels, 1),
        norm(channels, slot=Slot.TRANSITION, stage=stage),
        nn.ReLU(inplace=True),
        nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
    )
