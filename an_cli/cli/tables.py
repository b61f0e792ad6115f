"""A study's table from what is on disk, and where its files went."""

from __future__ import annotations

from collections.abc import Iterable

from an_cli.cli.asked import say
from an_cli.errors import StoreError
from an_cli.launch import find_costs
from an_cli.plan import Plan
from an_cli.report import Table, make_table, write
from an_cli.store import Store

FILES = ("markdown", "latex")


def study_table(plan: Plan, store: Store) -> Table:
    """The table of a study.

    Finished runs have counted their own parameters; costs are looked up for the others only, so that the table of a
    finished study needs no torch.
    """
    unfinished = [cell for cell in plan.cells if not store.run(cell.id).result.exists()]
    return make_table(plan, store, find_costs(unfinished, store))


def write_table(table: Table, store: Store, formats: Iterable[str] = FILES) -> None:
    """Write the table's files and say where they are; a store that cannot be written is told, and no error."""
    try:
        paths = write(table, store, formats)
    except StoreError as error:
        say(f"the table's files were not written: {error}")
        return
    say(f"files: {' '.join(str(path) for path in paths)}")
