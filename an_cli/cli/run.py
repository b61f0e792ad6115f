"""What `run` does: compose a cell, prepare its folder, make one attempt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from an_cli.cli.study import say, tell_large_batches
from an_cli.cli.tag import check_name, set_name
from an_cli.config import CellConfig, LaunchConfig, cell_id, compose
from an_cli.config.from_file import compose_file
from an_cli.errors import LaunchError
from an_cli.launch import Door, check_data, check_ranks, own_gpus, prepare_run, run_foreground, settle, share_machine
from an_cli.launch.standing import look
from an_cli.plan import Cell
from an_cli.store import RunFolder, Status, Store, status_of
from an_cli.store.endings import Exit

_INTERRUPTED = 130


def run_cell(
    words: Sequence[str], store: Store, *, name: str | None = None, config: Path | None = None
) -> tuple[RunFolder, int]:
    """Make one attempt at a cell in the foreground; a finished one is left as it is.

    Args:
        words: overrides.
        store: where its folder is made.
        name: what to call it.
        config: a file with the whole cell, which the overrides change.

    Returns:
        The run's folder and the exit status of the command.

    Raises:
        LaunchError: another process runs it.
    """
    composed = compose(words) if config is None else compose_file(config, words)
    run = store.run(cell_id(composed.cell))
    if name is not None:
        check_name(store, name, run.id)
    if name is not None and run.path.is_dir():
        set_name(store, run.id, name)
    if status_of(run) is Status.FINISHED:
        say(f"{run.id} is finished already")
        return run, 0
    _refuse_taken(run, store)
    launch = settle(composed.launch)
    cells = [Cell(config=composed.cell, id=run.id, label=run.id, choices=composed.choices)]
    check_data(cells, launch)
    tell_large_batches(cells)
    check_ranks(cells, launch)
    prepare_run(composed.cell, composed.choices, launch, store)
    if name is not None:
        set_name(store, run.id, name)
    say(f"run {run.id} in {run.path}")
    return run, _attempt(run, composed.cell, launch)


def _refuse_taken(run: RunFolder, store: Store) -> None:
    """Refuse a run whose weights were imported, or that a job has."""
    if status_of(run) is Status.IMPORTED:
        raise LaunchError(
            "the weights of this cell were imported", where=run.id, now="to train it, name another store with --store"
        )
    standing = look(store, [run])[run]
    if standing.has_job:
        job = f"SLURM job {standing.job}" if standing.job else "a SLURM job"
        raise LaunchError(
            f"{job} of this cell is {standing.status}{f': {standing.reason}' if standing.reason else ''}",
            where=run.id,
            now=f"wait for it, or take it back first: an-cli cancel {run.id}",
        )


def _attempt(run: RunFolder, config: CellConfig, launch: LaunchConfig) -> int:
    """One attempt in the foreground, on this machine's share for one run; the exit status of the command."""
    share = share_machine([config], launch)
    status = run_foreground(run, Door(environment={**share.environment, **own_gpus(share.gpus[:1])}), launch)
    if status == Exit.BUSY:
        raise LaunchError("another process runs this cell", where=run.id, now="follow it with: an-cli status")
    if status == _INTERRUPTED or status < 0:
        say("stopped; the same command continues")
        return _INTERRUPTED
    return status
