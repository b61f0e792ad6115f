"""Write `shipped_costs.json`: the costs of the shipped studies, counted by the heavy door.

Run it from the top of a checkout after a change of the networks: `python -m an_cli.launch.ask.ship_costs`.
"""

from __future__ import annotations

from an_cli.config import Composer, plain
from an_cli.files import write_json
from an_cli.launch.ask.costs import SHIPPED, ask_costs, cost_key
from an_cli.launch.ask.door import Door
from an_cli.plan import Cell, load_study, make_plan

STUDIES = ("table1", "table2", "table3", "demo", "table2_small", "table3_small")


def count_shipped(door: Door) -> dict[str, dict[str, object]]:
    """Cost key -> params, macs, and the study and label of a cell that it stands for."""
    composer, cells, names = Composer(), dict[str, Cell](), dict[str, str]()
    for study in STUDIES:
        for cell in make_plan(load_study(study), composer).cells:
            key = cost_key(cell.config)
            cells.setdefault(key, cell)
            names.setdefault(key, f"{study}: {cell.label}")
    return {key: {**plain(costs), "of": names[key]} for key, costs in ask_costs(cells, door).items()}


if __name__ == "__main__":
    write_json(SHIPPED, count_shipped(Door()))
