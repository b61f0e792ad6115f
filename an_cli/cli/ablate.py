"""What `ablate` does once it knows the study: reconcile, launch, follow, tabulate."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence

from an_cli.cli.study import Asked, print_json, say, standings, tell_earlier, tell_large_batches
from an_cli.console.columns import align, prose
from an_cli.console.live import Watched, watching
from an_cli.console.medium import medium
from an_cli.errors import DataError, LaunchError
from an_cli.launch import (
    Action,
    Door,
    Here,
    Phase,
    Reconciliation,
    Snapshot,
    check_data,
    check_ranks,
    find_costs,
    link_study,
    made_by_other_code,
    prepare_study,
    reconcile,
    set_aside_all,
    settle,
    share_machine,
)
from an_cli.launch.standing import look
from an_cli.launch.upkeep.on_end import run_on_end
from an_cli.plan import Cell, Plan
from an_cli.store import Status, Store, measures_of, status_of
from an_cli.store.labels import links
from an_cli.store.variants import record_variant

FAILED, PARTIAL, INTERRUPTED = 1, 3, 130


def print_dry_run(asked: Asked, store: Store, reruns: Mapping[str, int], *, on_slurm: bool, json: bool) -> None:
    """Print what `ablate` would do about every cell."""
    found = standings(asked.plan, store)
    wanted = reconcile(asked.plan.cells, found, reruns, on_slurm=on_slurm)
    if json:
        cells = [
            {"id": cell.id, "label": cell.label, "status": str(found[cell.id].status), "action": str(action)}
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


def ablate_study(asked: Asked, store: Store, reruns: Mapping[str, int], *, command: Sequence[str], json: bool) -> int:
    """Bring a study to its end and print its table.

    Args:
        asked: the study.
        store: where its runs are.
        reruns: cells to run again (see `find_reruns`).
        command: the words that continue it, for messages.
        json: print the table as JSON.

    Returns:
        Exit status: 0, 1 when every cell failed, 3 when some did, 130 when told to stop.
    """
    wanted = reconcile(asked.plan.cells, standings(asked.plan, store), reruns)
    say(f"{asked.plan.study}: {wanted.sentence}")
    _tell_queued(wanted, command)
    tell_unwanted(asked.plan, store)
    _tell_other_code(wanted, store, command)
    followed = bool(wanted.to_follow)
    if followed:
        record_overrides(asked, store)
        tell_earlier(asked.plan, store)
        tell_large_batches(asked.plan.cells)
        end = _launch(asked, wanted, reruns, store)
        tell_failures(asked.plan, end)
        if end.stopping:
            say(_stopped(end, command))
            return INTERRUPTED
        if cancelled := end.count(Phase.INTERRUPTED):
            say(f"cancelled: {cancelled}. Continue with: {shlex.join(command)}")
    else:
        link_study(asked.plan.folder, wanted, store)
    return print_end(asked, store, json=json, followed=followed)


def record_overrides(asked: Asked, store: Store) -> None:
    """Write down what a variant's name stands for, before any run has it."""
    plan = asked.plan
    if plan.overrides:
        record_variant(store, plan.folder, plan.study, plan.overrides)


def print_end(asked: Asked, store: Store, *, json: bool, followed: bool) -> int:
    """Print a study's table (see `print_table`); where its end was waited for, do what `launch.on_end` says."""
    status = print_table(asked, store, json=json)
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


def _tell_queued(wanted: Reconciliation, command: Sequence[str]) -> None:
    """Say which cells a scheduler has: started here too they would take each other's place."""
    if cells := wanted.in_queue:
        jobs = sorted({job.partition("_")[0] for cell in cells if (job := wanted.standings[cell.id].job)})
        named = f" (job {', '.join(jobs)})" if jobs else ""
        follow = shlex.join([*command, "--on", "slurm"])
        take = f"an-cli cancel {command[2]}" if len(command) > 2 else "an-cli cancel"
        say(f"left to SLURM{named}: {len(cells)}, which are not started here. Follow them with: {follow}; or {take}")


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


def _tell_other_code(wanted: Reconciliation, store: Store, command: Sequence[str]) -> None:
    kept = [cell for cell, action in wanted.actions if action is Action.KEEP]
    other = sum(made_by_other_code(store.run(cell.id)) for cell in kept)
    if other:
        again = shlex.join([*command, "--rerun", "changed"])
        say(f"note: {other} finished with other code than what is installed now; run again with: {again}")


def _launch(asked: Asked, wanted: Reconciliation, reruns: Mapping[str, int], store: Store) -> Snapshot:
    launch = settle(asked.launch)
    check_data(wanted.to_launch, launch)
    check_ranks(wanted.to_launch, launch)
    find_costs(asked.plan.cells, store)  # a network that cannot be built is said before anything is started
    share = share_machine([cell.config for cell in wanted.to_follow], launch)
    labels = {cell.id: cell.label for cell in wanted.to_follow}
    again = [cell for cell, action in wanted.actions if action is Action.RERUN]
    aside = set_aside_all(reruns, again, store)
    if again:
        left = f"; {len(again) - len(aside)} left to another process" if len(aside) < len(again) else ""
        say(f"set aside: {len(aside)}, each in archive/ of its run{left}")
    refused = prepare_study(asked.plan.folder, wanted, store)
    for cell_id, error in refused.items():
        say(f"left alone: {labels[cell_id]}: {error}")
    followed = [cell for cell in wanted.to_follow if cell.id not in refused]
    if wanted.to_launch:
        threads = "1 thread" if share.threads == 1 else f"{share.threads} threads"
        gpus = f", GPUs {' | '.join(share.gpus)}" if share.gpus else ""
        say(f"{share.at_once} at once, {threads} each{gpus}; Ctrl-C saves and stops")
    needs = {store.run(cell.id): [store.run(need) for need in cell.depends_on] for cell in followed}
    machine = Here(store, launch, Door(environment=share.environment), share.at_once, tuple(share.gpus), needs)
    with watching(watched_of(wanted.to_follow), share.at_once) as watch:
        return machine.launch([store.run(cell.id) for cell in followed], watch)


def watched_of(cells: Iterable[Cell]) -> dict[str, Watched]:
    """What is shown of cells that are followed, by id."""
    return {cell.id: Watched(cell.label, measures_of(cell.config).primary) for cell in cells}


def tell_failures(plan: Plan, end: Snapshot) -> None:
    labels = {cell.id: cell.label for cell in plan.cells}
    for state in end.runs:
        if state.phase is Phase.FAILED:
            say(f"failed {labels[state.run.id]}: {state.cause} [{os.path.relpath(state.run.log)}]")


def _stopped(end: Snapshot, command: Sequence[str]) -> str:
    finished, saved = end.count(Phase.FINISHED), end.count(Phase.INTERRUPTED)
    elsewhere = end.count(Phase.ELSEWHERE)
    others = f", {elsewhere} go on in another process (an-cli cancel stops them)" if elsewhere else ""
    return (
        f"stopped: {finished} of {len(end.runs)} finished, {saved} interrupted{others}. "
        f"Continue with: {shlex.join(command)}"
    )


def _exit_status(plan: Plan, store: Store) -> int:
    found = [status_of(store.run(cell.id)) for cell in plan.cells]
    if all(status.is_done for status in found):
        return 0
    return PARTIAL if Status.FINISHED in found else FAILED
