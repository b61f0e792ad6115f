"""What the verbs do about SLURM: judge, submit, follow, tabulate."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from an_cli.cli.ends import PARTIAL, print_end, record_study, tell_failures, tell_unwanted, watched_of
from an_cli.cli.study import Asked, say, tell_earlier, tell_large_batches
from an_cli.console.live import watching
from an_cli.errors import StoreError
from an_cli.launch import Action, Phase, Snapshot, check_data, check_ranks, find_costs, reconcile, set_aside_all, settle
from an_cli.launch.prepare import prepare_folder
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.start import longest_first, make_cluster
from an_cli.plan import Cell
from an_cli.store import Store, forget_stop


def ablate_on_slurm(
    asked: Asked,
    store: Store,
    reruns: Mapping[str, int],
    *,
    command: Sequence[str],
    json: bool,
    detach: bool,
    forgive: bool = False,
) -> int:
    """Bring a study to its end on a cluster, or hand it over and leave.

    Args:
        asked: the study.
        store: where its runs are.
        reruns: finished cells to set aside and run again.
        command: the words that come back to it, for messages.
        json: print the table as JSON.
        detach: leave once everything is submitted.
        forgive: submit what ended too often as well.

    Returns:
        Exit status: 0, 1 when no cell is finished, 3 when some are or SLURM did not take all, 130 when told to leave.
    """
    launch = settle(asked.launch)
    check_data(asked.plan.cells, launch)
    check_ranks(asked.plan.cells, launch)
    if aside := set_aside_all(reruns, asked.plan.cells, store):
        say(f"set aside: {len(aside)}, each in archive/ of its run")
    record_study(asked, store)
    tell_earlier(asked.plan, store)
    tell_large_batches(asked.plan.cells)
    cells = longest_first(asked.plan.cells, find_costs(asked.plan.cells, store))
    cluster = make_cluster(cells, launch, store, study=asked.plan.study, detach=detach, forgive=forgive, tell=say)
    stands = cluster.look([store.run(cell.id) for cell in cells])
    wanted = reconcile(cells, {run.id: standing for run, standing in stands.items()}, on_slurm=not forgive)
    say(f"{asked.plan.study}: {wanted.sentence}")
    tell_unwanted(asked.plan, store)
    cluster.overruled |= {run for cell in cells if (run := store.run(cell.id)).stop.exists()}
    followed = [cell for cell, action in wanted.actions if _prepare(asked, cell, action, store)]
    end = _follow(cluster, followed, store)
    awaited = any(action not in (Action.KEEP, Action.LEAVE) for _, action in wanted.actions)
    return _tell(asked, store, cluster, end, command, json=json, detach=detach, awaited=awaited)


def _prepare(asked: Asked, cell: Cell, action: Action, store: Store) -> bool:
    """Make a cell ready to be submitted and link it; one whose folder cannot be used is left alone and named."""
    run = store.run(cell.id)
    if action is Action.LEAVE:
        say(f"left alone: {cell.label}: its weights were imported, and are not trained again")
        return False
    try:
        if action not in (Action.KEEP, Action.WAIT, Action.AWAIT_JOB):
            prepare_folder(cell.config, cell.choices, store)
        else:
            forget_stop(run)  # cancelled since it was submitted, and wanted again whatever its job is at
        store.link(asked.plan.folder, cell.label, run)
    except StoreError as error:
        say(f"left alone: {cell.label}: {error}")
        return False
    return True


def _follow(cluster: OnSlurm, cells: Sequence[Cell], store: Store) -> Snapshot:
    if not cluster.detach:
        say("following; Ctrl-C leaves, and the jobs go on")
    with watching(watched_of(cells), len(cells)) as watch:
        return cluster.launch([store.run(cell.id) for cell in cells], watch)


def _tell(
    asked: Asked,
    store: Store,
    cluster: OnSlurm,
    end: Snapshot,
    command: Sequence[str],
    *,
    json: bool,
    detach: bool,
    awaited: bool,
) -> int:
    words = shlex.join(command)
    outcome = cluster.outcome
    if outcome.submitted:
        say(f"submitted {len(outcome.submitted)} cells in {outcome.calls} calls of sbatch")
    labels = {store.run(cell.id): cell.label for cell in asked.plan.cells}
    unsubmitted = {
        state.run: state.cause for state in end.runs if state.cause and state.cause.startswith("not ")
    } | dict(outcome.refused)
    for run, what in unsubmitted.items():
        say(f"not submitted: {labels[run]}: {what.removeprefix('not submitted: ')}")
    tell_failures(asked.plan, end)
    if end.count(Phase.FAILED):
        retry = shlex.join([word for word in command if word != "--until-resolved"]).replace(" ablate ", " retry ", 1)
        say(f"left alone: {end.count(Phase.FAILED)}; once the cause is gone: {retry}")
    going = end.count(Phase.QUEUED, Phase.RUNNING, Phase.ELSEWHERE)
    if going:
        say(f"{going} of {len(end.runs)} cells go on without this command. Come back to them with: {words}")
        if detach and asked.launch.on_end:
            say("launch.on_end is for a command that stays: this one leaves, and no job runs it")
        stuck = not detach and not end.stopping
        return PARTIAL if unsubmitted or stuck else 0 if detach else 130
    if unsubmitted and not end.count(Phase.FINISHED):
        say(f"nothing goes on. Try again with: {words}")
        return 1
    status = print_end(asked, store, json=json, followed=awaited and not detach)
    return status or (PARTIAL if unsubmitted else 0)
