"""And-Or graphs: those of the published networks node by node, and the rules that hold for every graph."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.config.schema import Splits
from an_cli.errors import ConfigError
from an_cli.models.aog import Graph, Node, NodeKind, listed, make_graph

_GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "aog_graphs.json").read_text())[
    "graphs"
]
_ALL = [
    pytest.param(make_graph(grid, splits, lateral=lateral), id=f"{grid}-{splits}-{'lateral' if lateral else 'tree'}")
    for grid, splits, lateral in itertools.product(range(1, 7), Splits, (True, False))
]


def _plain(node: Node, rank: int, grid: int) -> dict[str, Any]:
    return {
        "id": node.id,
        "kind": str(node.kind),
        "span": [node.first, node.last],
        "left_width": node.left_width,
        "children": list(node.children),
        "parents": list(node.parents),
        "paths": node.paths,
        "parts": list(node.parts),
        "scales": list(node.scales),
        "lateral_into_both": list(node.lateral_residual),
        "lateral_into_branch_only": [i for i in node.lateral if i not in node.lateral_residual],
        "full_span": node.width == grid,
        "rank": rank,
    }


@pytest.mark.parametrize("expected", _GOLDEN, ids=lambda g: f"{g['grid']}-{g['splits']}-{g['lateral']}")
def test_graphs_equal_the_published_ones_node_by_node(expected: dict[str, Any]) -> None:
    graph = make_graph(expected["grid"], Splits(expected["splits"]), lateral=expected["lateral"])
    assert list(graph.postorder) == expected["postorder"]
    assert list(graph.order) == expected["order"]
    assert [_plain(node, graph.order.index(node.id), graph.grid) for node in graph.nodes] == expected["nodes"]


def _span(node: Node) -> tuple[int, int]:
    return node.first, node.last


def _of(graph: Graph, kind: NodeKind) -> list[Node]:
    return [node for node in graph.nodes if node.kind is kind]


@pytest.mark.parametrize("graph", _ALL)
def test_ids_count_up_from_a_root_that_sees_everything(graph: Graph) -> None:
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
    assert (graph.nodes[0].kind, _span(graph.nodes[0])) == (NodeKind.OR, (0, graph.grid - 1))


@pytest.mark.parametrize("graph", _ALL)
def test_ors_and_ts_are_unique_per_span_and_ands_per_split(graph: Graph) -> None:
    ors, ts = ([_span(node) for node in _of(graph, kind)] for kind in (NodeKind.OR, NodeKind.T))
    ands = [(*_span(node), node.left_width) for node in _of(graph, NodeKind.AND)]
    assert len(set(ors)) == len(ors)
    assert sorted(ts) == sorted(ors)
    assert len(set(ands)) == len(ands)


@pytest.mark.parametrize("graph", _ALL)
def test_an_or_lists_its_span_as_one_t_and_the_kept_splits(graph: Graph) -> None:
    for node in _of(graph, NodeKind.OR):
        parts = [graph.nodes[i] for i in node.parts]
        assert {_span(part) for part in parts} == {_span(node)}
        assert sorted(part.kind for part in parts) == ["AND"] * (len(parts) - 1) + ["T"]


@pytest.mark.parametrize("graph", _ALL)
def test_an_and_joins_two_ors_that_make_up_its_span(graph: Graph) -> None:
    for node in _of(graph, NodeKind.AND):
        assert node.left_width is not None
        middle = node.first + node.left_width
        spans = sorted(_span(graph.nodes[i]) for i in node.parts)
        assert spans == [(node.first, middle - 1), (middle, node.last)]
        assert {graph.nodes[i].kind for i in node.parts} == {NodeKind.OR}


@pytest.mark.parametrize("grid", range(1, 7))
def test_all_splits_give_every_span_and_every_split(grid: int) -> None:
    graph = make_graph(grid, Splits.ALL, lateral=True)
    spans = [(a, b) for a in range(grid) for b in range(a, grid)]
    assert {_span(node) for node in _of(graph, NodeKind.OR)} == set(spans)
    assert len(_of(graph, NodeKind.AND)) == sum(b - a for a, b in spans)


@pytest.mark.parametrize("grid", range(1, 7))
def test_left_and_right_are_mirror_images_within_all(grid: int) -> None:
    def shape(splits: Splits, *, mirrored: bool) -> set[tuple[object, ...]]:
        found = set()
        for node in make_graph(grid, splits, lateral=False).nodes:
            left = node.left_width
            if mirrored:
                left = None if left is None else node.width - left
                found.add((node.kind, grid - 1 - node.last, grid - 1 - node.first, left))
            else:
                found.add((node.kind, node.first, node.last, left))
        return found

    assert shape(Splits.LEFT, mirrored=False) == shape(Splits.RIGHT, mirrored=True)
    assert shape(Splits.LEFT, mirrored=False) <= shape(Splits.ALL, mirrored=False)


@pytest.mark.parametrize("graph", _ALL)
def test_lateral_edges_chain_all_nodes_of_one_kind_and_width(graph: Graph) -> None:
    edges = [(node, graph.nodes[i]) for node in graph.nodes for i in node.lateral]
    assert all((a.kind, a.width) == (b.kind, b.width) for a, b in edges)
    groups: dict[tuple[NodeKind, int], int] = {}
    for node in graph.nodes:
        groups[node.kind, node.width] = groups.get((node.kind, node.width), 0) + 1
    lateral = any(node.lateral for node in graph.nodes)
    expected = sum(n - 1 for (kind, _), n in groups.items() if kind is not NodeKind.T)
    assert len(edges) == (expected if lateral else 0)
    assert all(len(node.lateral) <= 1 for node in graph.nodes)


@pytest.mark.parametrize("graph", _ALL)
def test_lateral_edges_change_no_structure(graph: Graph) -> None:
    for splits in Splits:
        one, two = (make_graph(graph.grid, splits, lateral=lateral) for lateral in (True, False))
        assert [(n.kind, n.parts, n.paths) for n in one.nodes] == [(n.kind, n.parts, n.paths) for n in two.nodes]


@pytest.mark.parametrize("graph", _ALL)
def test_every_node_is_run_once_and_after_its_children(graph: Graph) -> None:
    for order in (graph.order, graph.postorder):
        place = {i: rank for rank, i in enumerate(order)}
        assert sorted(place) == list(range(len(graph.nodes)))
        assert all(place[child] < place[node.id] for node in graph.nodes for child in node.children)
    kinds = [graph.nodes[i].kind is NodeKind.T for i in graph.order]
    assert kinds == sorted(kinds, reverse=True)


@pytest.mark.parametrize("graph", _ALL)
def test_parents_are_those_that_list_a_node_as_child(graph: Graph) -> None:
    for node in graph.nodes:
        assert list(node.parents) == [other.id for other in graph.nodes if node.id in other.children]


@pytest.mark.parametrize("graph", _ALL)
def test_paths_are_the_ways_down_from_the_root(graph: Graph) -> None:
    def ways(i: int) -> int:
        return 1 if i == 0 else sum(ways(node.id) for node in graph.nodes if i in node.parts)

    assert [node.paths for node in graph.nodes] == [ways(node.id) for node in graph.nodes]
    for node in graph.nodes:
        assert node.scales == tuple(node.paths / graph.nodes[i].paths for i in node.parts)


@pytest.mark.parametrize("graph", _ALL)
def test_a_neighbor_with_a_common_parent_stays_out_of_the_residual_input(graph: Graph) -> None:
    for node in graph.nodes:
        for i in node.lateral:
            common = any(node.id in other.children and i in other.children for other in graph.nodes)
            assert (i in node.lateral_residual) is not common


@given(st.lists(st.integers(0, 90), unique=True, min_size=1, max_size=4))
def test_children_are_listed_as_a_set_of_small_numbers_lists_them(ids: list[int]) -> None:
    as_set: set[int] = set()
    for number in ids:
        as_set.add(number)
    assert listed(ids) == list(as_set)


@given(st.integers(0, 90), st.integers(5, 7))
def test_longer_lists_of_children_made_at_once_are_listed_as_a_set_lists_them(first: int, many: int) -> None:
    ids = list(range(first, first + many))
    as_set: set[int] = set()
    for number in ids:
        as_set.add(number)
    assert listed(ids) == list(as_set)


def test_a_grid_without_slots_is_refused() -> None:
    with pytest.raises(ConfigError, match="a grid of 0 slots"):
        make_graph(0, Splits.ALL, lateral=True)
