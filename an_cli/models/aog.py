"""And-Or graphs as plain values: the wiring inside an AOGNet block (Li et al., 2019).

A block's channels are split into D slots. The grammar parses the slots: an OR node stands for a span of slots and sums
its alternatives, which are a T node (the block's input in that span) and AND nodes (one binary split each); an AND node
concatenates the two ORs of its parts. T and OR nodes are unique per span. Lateral edges chain nodes of one kind and
width.

Ids are given in the order of creation, and children keep the order in which the published checkpoints concatenate them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import pairwise

from an_cli.config.schema import Splits
from an_cli.errors import ConfigError


class NodeKind(StrEnum):
    """What a node does with its children."""

    OR = "OR"  # sums alternatives of its span
    AND = "AND"  # concatenates two parts
    T = "T"  # takes its span of the block's input


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node; its operation's two inputs are made of the same children, as `Graph` says.

    `parts` are the structural children and `scales` what multiplies each in the residual input: the node's share of the
    root-to-child paths. `lateral` children are added to the input of the branch, and those of `lateral_residual` to the
    residual input too: a neighbor that shares a parent with the node would reach that parent twice.
    """

    id: int
    kind: NodeKind
    first: int
    last: int
    left_width: int | None
    children: tuple[int, ...]
    parents: tuple[int, ...]
    paths: int
    parts: tuple[int, ...]
    scales: tuple[float, ...]
    lateral: tuple[int, ...]
    lateral_residual: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of slots."""
        return self.last - self.first + 1


@dataclass(frozen=True, kw_only=True)
class Graph:
    """An And-Or graph over `grid` slots: nodes by id, and two orders of them.

    Branch input: join(parts) + sum(lateral). Residual input: join(scale * part) + sum(lateral_residual). An AND joins
    by concatenation, an OR by summation; a T node takes its slots of the block's input for both.
    `postorder` is depth first; `order` is the order of execution, the T nodes before all others.
    """

    grid: int
    nodes: tuple[Node, ...]
    postorder: tuple[int, ...]
    order: tuple[int, ...]


@dataclass
class _Draft:
    """A node while the graph grows."""

    id: int
    kind: NodeKind
    first: int
    last: int
    left_width: int | None = None
    parts: list[int] = field(default_factory=list)
    lateral: list[int] = field(default_factory=list)

    @property
    def width(self) -> int:
        return self.last - self.first + 1


@cache
def make_graph(grid: int, splits: Splits, *, lateral: bool) -> Graph:
    """Build the And-Or graph of a grid.

    Args:
        grid: D, number of slots, 1 or more.
        splits: which of two mirrored splits are kept.
        lateral: whether nodes of one kind and width are chained.

    Raises:
        ConfigError: a grid below 1.

    Source: Li et al., "AOGNets: Compositional Grammatical Architectures for Deep Learning", CVPR 2019, Section 3.
    """
    if grid < 1:
        raise ConfigError(f"a grid of {grid} slots", where="model.grids", now="give 1 or more")
    drafts = _grow(grid, splits)
    if lateral:
        _chain(drafts, NodeKind.AND, onward=False)
        _chain(drafts, NodeKind.OR, onward=True)
    postorder = tuple(_postorder(drafts))
    inner = [i for i in postorder if drafts[i].kind is not NodeKind.T]
    order = (*(i for i in postorder if drafts[i].kind is NodeKind.T), *inner)
    return Graph(grid=grid, nodes=_finish(drafts), postorder=postorder, order=order)


def _grow(grid: int, splits: Splits) -> list[_Draft]:
    """The tree part, breadth first."""
    drafts: list[_Draft] = []
    by_span: dict[tuple[int, int], int] = {}
    waiting: deque[_Draft] = deque()

    def create(kind: NodeKind, first: int, last: int, left_width: int | None = None) -> int:
        drafts.append(_Draft(len(drafts), kind, first, last, left_width))
        if kind is not NodeKind.T:
            waiting.append(drafts[-1])
        return drafts[-1].id

    def part(first: int, last: int) -> int:
        if (first, last) not in by_span:
            by_span[first, last] = create(NodeKind.OR, first, last)
        return by_span[first, last]

    part(0, grid - 1)
    while waiting:
        node = waiting.popleft()
        first, last = node.first, node.last
        if node.left_width is None:
            made = [create(NodeKind.T, first, last)]
            made += [create(NodeKind.AND, first, last, left) for left in _left_widths(node.width, splits)]
        else:
            made = [part(first, first + node.left_width - 1), part(first + node.left_width, last)]
        node.parts = listed(made)
    return drafts


def _left_widths(width: int, splits: Splits) -> Iterable[int]:
    """Widths of the left parts, in the order of creation; the middle split of an even width is always kept."""
    match splits:
        case Splits.ALL:
            return range(1, width)
        case Splits.LEFT:
            return range(1, width // 2 + 1)
        case Splits.RIGHT:
            return range(width - 1, (width + 1) // 2 - 1, -1)


def listed(ids: Iterable[int]) -> list[int]:
    """The order in which a node lists its children: that of a hash table of small whole numbers.

    An id goes to slot (id mod size) of 8 slots, or of 32 for more than four ids. Where that is taken, the j-th further
    try is slot (5 slot + 1 + (id >> 5 j)) mod size. The list is read off in slot order. The published networks were
    built with sets of ids, so their AND nodes concatenate in this order, in a few nodes the right part first.
    """
    ids = list(ids)
    size = 8 if len(ids) <= 4 else 32
    table: dict[int, int] = {}
    for number in ids:
        slot, rest = number % size, number
        while slot in table:
            rest >>= 5
            slot = (5 * slot + 1 + rest) % size
        table[slot] = number
    return [table[slot] for slot in sorted(table)]


def _chain(drafts: list[_Draft], kind: NodeKind, *, onward: bool) -> None:
    """Chain the nodes of a kind, width by width.

    Onward, each node takes in its left neighbor, else its right one. A width with a single node chains nothing and
    turns the direction round for the next width that has more.
    """
    turned = False
    for width in sorted({node.width for node in drafts if node.kind is kind}):
        group = sorted((n for n in drafts if n.kind is kind and n.width == width), key=_place)
        if len(group) < 2:
            turned = True
            continue
        for left, right in pairwise(group):
            into, source = (right, left) if onward is not turned else (left, right)
            into.lateral.append(source.id)
        turned = False


def _place(node: _Draft) -> tuple[int, int]:
    return (node.first + (node.left_width or 0), node.first)


def _postorder(drafts: list[_Draft]) -> list[int]:
    visited: dict[int, None] = {}

    def visit(node: _Draft) -> None:
        for child in (*node.parts, *node.lateral):
            if child not in visited:
                visit(drafts[child])
        visited[node.id] = None

    visit(drafts[0])
    return list(visited)


def _finish(drafts: list[_Draft]) -> tuple[Node, ...]:
    parents: list[list[int]] = [[] for _ in drafts]
    for node in drafts:
        for child in (*node.parts, *node.lateral):
            parents[child].append(node.id)
    paths = _paths(drafts)
    return tuple(
        Node(
            id=node.id,
            kind=node.kind,
            first=node.first,
            last=node.last,
            left_width=node.left_width,
            children=(*node.parts, *node.lateral),
            parents=tuple(parents[node.id]),
            paths=paths[node.id],
            parts=tuple(node.parts),
            scales=tuple(paths[node.id] / paths[child] for child in node.parts),
            lateral=tuple(node.lateral),
            lateral_residual=tuple(i for i in node.lateral if not set(parents[i]) & set(parents[node.id])),
        )
        for node in drafts
    )


def _paths(drafts: list[_Draft]) -> list[int]:
    """Number of paths from the root to each node, along structural edges."""
    paths = [0] * len(drafts)
    paths[0] = 1
    # Wider spans first, and an OR before the ANDs and the T of its span: every parent comes before its children.
    for node in sorted(drafts, key=lambda n: (-n.width, n.kind is not NodeKind.OR)):
        for child in node.parts:
            paths[child] += paths[node.id]
    return paths
