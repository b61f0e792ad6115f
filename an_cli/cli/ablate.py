"""What `ablate` does once it knows the study: reconcile, prepare, launch, follow, tabulate; wherever runs are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from an_cli.cli.ends import print_end, record_study, tell_unwanted, watched_of
from an_cli.cli.on_machine import OnMachine
from an_cli.cli.on_slurm import OnCluster
from an_cli.cli.options import Where
from an_cli.cli.study import Asked, print_json, say, standings, tell_earlier, tell_large_batches
from an_cli.config import LaunchConfig
from an_cli.console.columns import align, prose
from an_cli.console.live import watching
from an_cli.console.medium import medium
from an_cli.errors import DataError, LaunchError
from an_cli.launch import (
    Action,
    Costs,
    Place,
    Reconciliation,
    Snapshot,
    check_data,
    check_ranks,
    find_costs,
    link_study,
    prepare_study,
    reconcile,
    set_aside_all,
    settle,
)
from an_cli.plan import Cell, Plan
from an_cli.store import Store


class Site(Protocol):
    """How a study is brought to its end at one place: what is followed there, and what its user is told.

    Attributes:
        short: exit status of a study whose table is there, where the place did not take all of it.
    """

    short: int

    def follows(self, wanted: Reconciliation) -> Sequence[Cell]:
        """The cells that are to be followed there; none where there is nothing to wait for."""

    def tell_wanted(self, wanted: Reconciliation) -> None:
        """What should be known before anything is started."""

    def in_order(self, cells: Sequence[Cell], costs: Mapping[str, Costs]) -> Sequence[Cell]:
        """Cells in the order in which they are best started."""

    def place(self, cells: Sequence[Cell], launch: LaunchConfig) -> tuple[Place, int]:
        """The place for these cells, and how many of them it makes at once."""

    def begin(self, wanted: Reconciliation) -> None:
        """What happens now, and what Ctrl-C does; called when all are prepared."""

    def tell_end(self, end: Snapshot) -> int | None:
        """What came of it; the exit status where the study is not over, and so has no table yet."""


def print_dry_run(asked: Asked, store: Store, reruns: Mapping[str, int], *, on_slurm: bool, json: bool) -> None:
    """Print what `ablate` would do about every cell."""
    stands = standings(asked.plan, store)
    wanted = reconcile(asked.plan.cells, stands, reruns, on_slurm=on_slurm)
    if json:
        cells = [
            {"id": cell.id, "label": cell.label, "status": str(stands[cell.id].status), "action": str(action)}
            for cell, action in wanted.actions
        ]
        print_json({"study": asked.plan.study, "sentence": wanted.sentence, "cells": cells})
        return
    body = [[str(action), cell.label, cell.id] for cell, action in wanted.actions]
    on = medium()
    print(align(["action", "cell", "id"], body, left=(0, 1, 2), on=on, weights={"id": 1}), end="")
    print(prose(wanted.sentence, on), end="")
    try:
        launch = settle(asked.launch)
        check_data(wanted.to_launch, launch)
        check_ranks(wanted.to_launch, launch)
    except (DataError, LaunchError) as error:
        say(f"note: as things are, none would start: {error}")


def tell_archived(plan: Plan, store: Store) -> None:
    """Say which missing cells need not be run again: they were put away."""
    away = [cell for cell in plan.cells if (store.archived / cell.id).is_dir() and not store.run(cell.id).path.exists()]
    if away:
        say(f"note: {len(away)} are archived and would be run anew; an-cli archive --back {plan.study} --yes has them")


def ablate_study(
    asked: Asked,
    store: Store,
    reruns: Mapping[str, int],
    *,
    on: Where,
    command: Sequence[str],
    json: bool,
    detach: bool = False,
    reset_budget: bool = False,
) -> int:
    """Bring a study to its end and print its table; or hand it over to a cluster and leave.

    Args:
        asked: the study.
        store: where its runs are.
        reruns: cells to run again (see `find_reruns`).
        on: where.
        command: the words that continue it, for messages.
        json: print the table as JSON.
        detach: leave a cluster once everything is submitted.
        reset_budget: give cells that a cluster has given up a new budget.

    Returns:
        Exit status: 0, 1 when every cell failed, 3 when some did or a cluster did not take all, 130 when told to stop.
    """
    site: Site
    match on:
        case Where.LOCAL:
            site = OnMachine(asked, store, command)
        case Where.SLURM:
            site = OnCluster(asked, store, command, detach=detach, reset_budget=reset_budget)
    given_up_stays = on is Where.SLURM and not reset_budget
    wanted = reconcile(asked.plan.cells, standings(asked.plan, store), reruns, on_slurm=given_up_stays)
    say(f"{asked.plan.study}: {wanted.sentence}")
    site.tell_wanted(wanted)
    tell_unwanted(asked.plan, store)
    if not site.follows(wanted):
        link_study(asked.plan.folder, wanted, store)
        return print_end(asked, store, json=json, followed=False)
    status = site.tell_end(_make(asked, store, reruns, wanted, site))
    if status is not None:
        return status
    return print_end(asked, store, json=json, followed=not detach) or site.short


def _make(asked: Asked, store: Store, reruns: Mapping[str, int], wanted: Reconciliation, site: Site) -> Snapshot:
    """Have a site make the runs that are wanted, and follow them."""
    launch = settle(asked.launch)
    check_data(wanted.to_launch, launch)
    check_ranks(wanted.to_launch, launch)
    costs = find_costs(asked.plan.cells, store)  # a network that cannot be built is named before anything is started
    ordered = site.in_order(site.follows(wanted), costs)
    place, at_once = site.place(ordered, launch)
    record_study(asked, store)
    tell_earlier(asked.plan, store)
    tell_large_batches(asked.plan.cells)
    _set_aside(wanted, reruns, store)
    refused = prepare_study(asked.plan.folder, wanted, store)
    cells = [cell for cell in ordered if cell.id not in refused]
    labels = {cell.id: cell.label for cell in asked.plan.cells}
    for cell_id, error in refused.items():
        say(f"left alone: {labels[cell_id]}: {error}")
    site.begin(wanted)
    with watching(watched_of(cells), at_once) as watch:
        return place.launch([store.run(cell.id) for cell in cells], watch)


def _set_aside(wanted: Reconciliation, reruns: Mapping[str, int], store: Store) -> None:
    """Archive what the cells came to that are run again."""
    again = [cell for cell, action in wanted.actions if action is Action.RERUN]
    if again:
        aside = set_aside_all(reruns, again, store)
        left = f"; {len(again) - len(aside)} left to another process" if len(aside) < len(again) else ""
        say(f"set aside: {len(aside)}, each in archive/ of its run{left}")
