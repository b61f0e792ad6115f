"""Studies and their expansion to cells. Starts nothing."""

from an_cli.plan.expand import Cell, Plan, PlanRow, make_plan
from an_cli.plan.grid import write_grid
from an_cli.plan.ledger import Published, read_ledger
from an_cli.plan.rows import Row
from an_cli.plan.study import Study, load_study

__all__ = [
    "Cell",
    "Plan",
    "PlanRow",
    "Published",
    "Row",
    "Study",
    "load_study",
    "make_plan",
    "read_ledger",
    "write_grid",
]
