"""What `ablate` does once it knows the study: reconcile, launch, follow, tabulate."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from an_cli.cli.ends import print_end, record_study, tell_failures, tell_unwanted, watched_of
from an_cli.cli.on_slurm import ablate_on_slurm
from an_cli.cli.options import Where
from an_cli.cli.study import Asked, print_json, say, standings, tell_earlier, tell_large_batches
from an_cli.console.columns import align, prose
from an_cli.console.live import watching
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
from an_cli.plan import Plan
from an_cli.store import Store

INTERRUPTED = 130


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
    forgive: bool = False,
) -> int:
    """Bring a study to its end and print its table.

    Args:
        asked: the study.
        store: where its runs are.
        reruns: cells to run again (see `find_reruns`).
        on: where.
        command: the words that continue it, for messages.
        json: print the table as JSON.
        detach: leave a cluster once everything is submitted.
        forgive: give cells that a cluster has given up a new budget.

    Returns:
        Exit status: 0, 1 when every cell failed, 3 when some did or a cluster did not take all, 130 when told to stop.
    """
    match on:
        case Where.LOCAL:
            return _ablate_here(asked, store, reruns, command=command, json=json)
        case Where.SLURM:
            return ablate_on_slurm(asked, store, reruns, command=command, json=json, detach=detach, forgive=forgive)


def _ablate_here(asked: Asked, store: Store, reruns: Mapping[str, int], *, command: Sequence[str], json: bool) -> int:
    wanted = reconcile(asked.plan.cells, standings(asked.plan, store), reruns)
    say(f"{asked.plan.study}: {wanted.sentence}")
    _tell_queued(wanted, command)
    tell_unwanted(asked.plan, store)
    _tell_other_code(wanted, store, command)
    followed = bool(wanted.to_follow)
    if followed:
        record_study(asked, store)
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


def _tell_queued(wanted: Reconciliation, command: Sequence[str]) -> None:
    """Say which cells a scheduler has: started here too they would take each other's place."""
    if cells := wanted.in_queue:
        jobs = sorted({job.partition("_")[0] for cell in cells if (job := wanted.standings[cell.id].job)})
        named = f" (job {', '.join(jobs)})" if jobs else ""
        follow = shlex.join([*command, "--on", "slurm"])
        take = f"an-cli cancel {command[2]}" if len(command) > 2 else "an-cli cancel"
        say(f"left to SLURM{named}: {len(cells)}, which are not started here. Follow them with: {follow}; or {take}")


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


def _stopped(end: Snapshot, command: Sequence[str]) -> str:
    finished, saved = end.count(Phase.FINISHED), end.count(Phase.INTERRUPTED)
    elsewhere = end.count(Phase.ELSEWHERE)
    others = f", {elsewhere} go on in another process (an-cli cancel stops them)" if elsewhere else ""
    return (
        f"stopped: {finished} of {len(end.runs)} finished, {saved} interrupted{others}. "
        f"Continue with: {shlex.join(command)}"
    )
