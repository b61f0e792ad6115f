"""Studies and their expansion to cells. Starts nothing."""

from an_cli.plan.expand import Cell, Plan, PlanRow, make_plan, take_seeds
from an_cli.plan.grid import plan_grid, write_grid
from an_cli.plan.ledger import Counted, Published, read_counts, read_ledger
from an_cli.plan.rows import Row
from an_cli.plan.study import Study, load_named, load_study, override_base

__all__ = [
    "Cell",
    "Counted",
    "Plan",
    "PlanRow",
    "Published",
    "Row",
    "Study",
    "load_named",
    "load_study",
    "make_plan",
    "override_base",
    "plan_grid",
    "read_counts",
    "read_ledger",
    "take_seeds",
    "write_grid",
]
