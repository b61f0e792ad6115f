"""How the end of a study is reported: what runs came to, its table, its exit status; wherever it was made."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from an_cli.cli.study import Asked, say
from an_cli.config.launching import Tracking
from an_cli.console.live import Watched
from an_cli.console.medium import medium
from an_cli.launch import Phase, Snapshot
from an_cli.launch.standing import look
from an_cli.launch.upkeep.on_end import run_on_end
from an_cli.mirror import account_settings, destination, resolve
from an_cli.plan import Cell, Plan
from an_cli.store import Status, Store, measures_of, status_of
from an_cli.store.labels import links
from an_cli.store.sent import is_whole, read_sent, urls_of
from an_cli.store.study_rows import StudyRow, write_study_rows
from an_cli.store.variants import record_variant

FAILED, PARTIAL = 1, 3
MIRROR_S = 5.0  # that the end of a study waits for what jobs still send


def record_study(asked: Asked, store: Store) -> None:
    """Write down what a variant's name stands for and how its rows differ, before any run has them."""
    plan = asked.plan
    several = len({row.group for row in plan.rows}) > 1
    rows = {
        run_id: StudyRow(group=row.group if several else "", baseline=row.baseline, varies=row.set)
        for row in reversed(plan.rows)  # of rows that share a run the first one speaks
        for run_id in row.cells
    }
    write_study_rows(store, plan.folder, rows)
    if plan.overrides:
        record_variant(store, plan.folder, plan.study, plan.overrides)


def print_end(asked: Asked, store: Store, *, json: bool, followed: bool) -> int:
    """Print a study's table (see `print_table`); where its end was waited for, do what `launch.on_end` says."""
    status = print_table(asked, store, json=json)
    if followed:
        tell_tracking(asked, store)
    command = asked.launch.on_end
    if followed and command and (why := run_on_end(command, asked.plan, store)):
        say(f"warning: launch.on_end: {why}: {command}")
    return status


def print_table(asked: Asked, store: Store, *, json: bool) -> int:
    """Print and write a study's table as it stands.

    Returns:
        Exit status: 0, 1 when no cell is finished, 3 when some are.
    """
    from an_cli.cli.report import asked_table, write_table  # numerical libraries, which a dry run does not need
    from an_cli.report import render

    table = asked_table(asked, store)
    on = medium()
    write_table(table, store)  # first: a terminal may be gone, or lack the table's signs
    print(render(table, "json" if json else "terminal", width=on.width, paint=on.paint), end="", flush=True)
    say(f"runs: {store.runs}; by name: {store.studies / asked.plan.folder}")
    return _exit_status(asked.plan, store)


def tell_tracking(asked: Asked, store: Store) -> None:
    """Say where the study is shown, or how to have it shown; and what of it was not sent."""
    launch = resolve(asked.launch)
    sync = f"an-cli sync {asked.plan.folder}"
    if launch.tracking is Tracking.NONE:
        if asked.launch.tracking is Tracking.AUTO and not account_settings().off:
            say(f"not shown in W&B or TensorBoard, and can be at any time: {sync}")
        return
    runs = [run for cell in asked.plan.cells if (run := store.run(cell.id)).result.exists()]
    place, due = destination(launch), list(runs)
    end = time.monotonic() + MIRROR_S  # jobs of a cluster end, and their mirrors a moment later
    while (due := [run for run in due if not is_whole(run, place)]) and time.monotonic() < end:
        time.sleep(0.2)
    if due:
        why = next((sent.error for run in due if (sent := read_sent(run).get(place)) and sent.error), "")
        say(f"{len(due)} of {len(runs)} runs are not wholly in {place}{f' ({why})' if why else ''}; send them: {sync}")
    else:
        url = next((url for run in runs for url in urls_of(run)), "").partition("/runs/")[0]
        say(f"shown: {url or place}")


def tell_unwanted(plan: Plan, store: Store) -> None:
    """Say which runs a scheduler still has that the study once wanted and wants no more, and how to take them back."""
    planned = {cell.id for cell in plan.cells}
    linked = {run_id: label for label, run_id in links(store).items() if label.partition("/")[0] == plan.folder}
    others = {store.run(run_id): label for run_id, label in linked.items() if run_id not in planned}
    queued = {run: label for run, label in others.items() if run.submissions.is_dir()}
    for run, standing in look(store, queued).items() if queued else ():
        if standing.status.is_in_queue or (standing.status is Status.RUNNING and standing.job):
            what = f"{queued[run]} is {standing.status} (job {standing.job})"
            say(f"note: {what}, and {plan.study} wants it no more: an-cli cancel {run.id}")


def watched_of(cells: Iterable[Cell]) -> dict[str, Watched]:
    """What is shown of cells that are followed, by id."""
    return {cell.id: Watched(cell.label, measures_of(cell.config).primary) for cell in cells}


def tell_failures(plan: Plan, end: Snapshot) -> None:
    labels = {cell.id: cell.label for cell in plan.cells}
    for state in end.runs:
        if state.phase is Phase.FAILED:
            say(f"failed {labels[state.run.id]}: {state.cause} [{os.path.relpath(state.run.log)}]")


def _exit_status(plan: Plan, store: Store) -> int:
    statuses = [status_of(store.run(cell.id)) for cell in plan.cells]
    if all(status.is_done for status in statuses):
        return 0
    return PARTIAL if Status.FINISHED in statuses else FAILED
