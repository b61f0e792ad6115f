"""What the networks of a plan cost: shipped, remembered in the store, or asked from the heavy door.

The answer depends on what shapes the network and on nothing else, so cells that differ in seed or learning rate share
it. The paper's own compositions are shipped (`shipped_costs.json`, compared with the heavy door by a test), so that
`plan table1` needs no torch; everything else is asked in one process and remembered by code tree.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from an_cli.config import CellConfig, plain, read
from an_cli.config.plugins import has_parts, stamps_of
from an_cli.errors import LaunchError, StoreError, from_value
from an_cli.files import canonical_json, read_json, write_json
from an_cli.launch.ask.door import Door
from an_cli.plan import Cell
from an_cli.store import Store, code_tree

SHIPPED = Path(__file__).with_name("shipped_costs.json")


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Learnable parameters, and multiply-accumulates of convolutions and fully connected layers for one sample."""

    params: int
    macs: int


def cost_key(config: CellConfig) -> str:
    """16 hex digits over everything that shapes a cell's network."""
    shape: dict[str, object] = {
        "model": plain(config.model),
        "norm": plain(config.norm),
        "stem": str(config.recipe.stem),
        "shortcut": str(config.recipe.shortcut),
        "channels": config.data.channels,
        "image_size": config.data.image_size,
        "classes": config.data.classes,
    }
    if config.task is not None:
        shape["task"] = plain(config.task)
    if own := stamps_of(config):  # what they cost changes with their code, which is not in our code tree
        shape["plugins"] = own
    return hashlib.sha256(canonical_json(shape).encode()).hexdigest()[:16]


def find_costs(cells: Iterable[Cell], store: Store, door: Door | None = None) -> dict[str, Costs]:
    """Costs of cells.

    Args:
        cells: of one plan.
        store: remembers the answers; a store that cannot be written forgets them.
        door: how the heavy door is started when something is not known yet.

    Returns:
        Cell id -> costs; none of a cell with a part of the user's that is not installed here.

    Raises:
        ConfigError: a network that cannot be built; the message names the cell.
    """
    cells = [cell for cell in cells if has_parts(cell.config)]
    keys = {cell.id: cost_key(cell.config) for cell in cells}
    by_key = {keys[cell.id]: cell for cell in cells}
    counted = {key: costs for key in by_key if (costs := _recall(key, store)) is not None}
    missing = {key: cell for key, cell in by_key.items() if key not in counted}
    if missing:
        asked = ask_costs(missing, door or Door())
        _remember(asked, store)
        counted.update(asked)
    return {cell_id: counted[key] for cell_id, key in keys.items()}


def ask_costs(cells: Mapping[str, Cell], door: Door) -> dict[str, Costs]:
    """Ask the heavy door, one process for all.

    Args:
        cells: cost key -> a cell with that key.
        door: how it is started.

    Raises:
        ConfigError: a network that cannot be built.
        LaunchError: the heavy door failed, or left one out.
    """
    answers = door.ask("cost", [{"key": key, "config": plain(cell.config)} for key, cell in cells.items()])
    counted: dict[str, Costs] = {}
    for answer in answers:
        if "error" in answer:
            raise from_value(answer["error"], cells[answer["key"]].label)
        counted[answer["key"]] = Costs(params=answer["params"], macs=answer["macs"])
    left_out = [cell.label for key, cell in cells.items() if key not in counted]
    if left_out:
        raise LaunchError(f"no costs came for {left_out[0]}", where="cost", now="give the same command again")
    return counted


@cache
def _shipped() -> dict[str, Any]:
    shipped: dict[str, Any] = read_json(SHIPPED)
    return shipped


def _recall(key: str, store: Store) -> Costs | None:
    if key in _shipped():
        return Costs(params=_shipped()[key]["params"], macs=_shipped()[key]["macs"])
    try:
        return read(Costs, read_json(_remembered(key, store)), error=StoreError)
    except StoreError:
        return None


def _remembered(key: str, store: Store) -> Path:
    return store.costs / code_tree() / f"{key}.json"


def _remember(counted: Mapping[str, Costs], store: Store) -> None:
    with contextlib.suppress(StoreError, OSError):
        (store.costs / code_tree()).mkdir(parents=True, exist_ok=True)
        for key, costs in counted.items():
            write_json(_remembered(key, store), plain(costs))
