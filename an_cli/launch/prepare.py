"""Before a process is started: everything it needs is on disk, and it is known how much of the machine it gets."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from an_cli.config import CellConfig, LaunchConfig, plain
from an_cli.config.plugins import plugins_of
from an_cli.errors import DataError, LaunchError, StoreError
from an_cli.files import write_json
from an_cli.launch.reconcile import Action, Reconciliation
from an_cli.mirror import resolve
from an_cli.plan import Cell
from an_cli.redact import holds_secret
from an_cli.store import RunFolder, Store, forget_stop, status_of


def settle(launch: LaunchConfig) -> LaunchConfig:
    """The launch settings with data root and tracker spelled out, so that a run does not depend on where it is started.

    Raises:
        LaunchError: a setting that holds a secret.
    """
    _refuse_secrets(launch)
    root = Path(launch.data_root or os.environ.get("AN_CLI_DATA") or "data").expanduser().resolve()
    return resolve(dataclasses.replace(launch, data_root=str(root)))


def _refuse_secrets(launch: LaunchConfig) -> None:
    """What launch settings say ends up in files that are read by many: job scripts, run folders, a shared store."""
    for key, value in plain(launch).items():
        if any(holds_secret(text) for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)):
            raise LaunchError(
                "it holds a secret, and would be written to files",
                where=f"launch.{key}",
                now="export it in the shell that submits: jobs inherit the environment",
            )


def check_data(cells: Sequence[Cell], launch: LaunchConfig) -> None:
    """Refuse to start when not one cell has its data folder; a single cell without it fails on its own.

    Args:
        cells: to be started.
        launch: settled.

    Raises:
        DataError: no cell's data are there.
        ConfigError: a part of the user's that a cell names is not installed. Reading records needs none.
    """
    for cell in cells:
        plugins_of(cell.config)
    folders = [Path(launch.data_root or "data") / cell.config.data.folder for cell in cells if cell.config.data.folder]
    if len(folders) < len(cells) or not folders or any(folder.is_dir() for folder in folders):
        return
    raise DataError(
        f"{folders[0]} is not a folder",
        where="launch.data_root",
        now=f"set launch.data_root=DIR (or AN_CLI_DATA) to the folder that holds {folders[0].name}/",
    )


def check_ranks(cells: Sequence[Cell], launch: LaunchConfig) -> None:
    """Refuse to start when not one cell's replicas can be shared among so many processes.

    Args:
        cells: to be started.
        launch: settled.

    Raises:
        LaunchError: no cell's replicas can.
    """
    replicas = sorted({cell.config.recipe.replicas for cell in cells})
    if replicas and all(count % launch.ranks for count in replicas):
        raise LaunchError(
            f"{launch.ranks} processes for {' or '.join(map(str, replicas))} replicas",
            where="launch.ranks",
            now="give a number of processes that divides recipe.replicas",
        )


def prepare_study(study: str, wanted: Reconciliation, store: Store) -> dict[str, StoreError]:
    """Write and link the folders of all cells that will be started; link those that are there already.

    How a run is started its place says, once it takes it.

    Args:
        study: name of the links' folder.
        wanted: what will be done.
        store: where.

    Returns:
        Cell id -> why its folder cannot be used; such a cell is left alone, the others are not.

    Raises:
        StoreError: not one folder can be used, as in a store that cannot be written.
    """
    launched = {cell.id for cell in wanted.to_launch}
    refused: dict[str, StoreError] = {}
    link_study(study, wanted, store)
    for cell, _ in wanted.actions:
        try:
            if cell.id in launched:
                prepare_folder(cell.config, cell.choices, store)
                store.link(study, cell.label, store.run(cell.id))
        except StoreError as error:
            refused[cell.id] = error
    if refused and len(refused) == len(launched):
        raise next(iter(refused.values()))
    return refused


def link_study(study: str, wanted: Reconciliation, store: Store) -> None:
    """Link the runs of a study that are there already, made by whatever study needed them first."""
    for cell, action in wanted.actions:
        if action in (Action.KEEP, Action.LEAVE, Action.WAIT, Action.AWAIT_JOB, Action.GIVEN_UP):
            with contextlib.suppress(StoreError):  # reading a finished study needs no permission to write
                store.link(study, cell.label, store.run(cell.id))


def prepare_run(config: CellConfig, choices: Mapping[str, str], launch: LaunchConfig, store: Store) -> RunFolder:
    """Write one run folder, ready to be started here.

    Raises:
        StoreError: the store cannot be written.
    """
    run = prepare_folder(config, choices, store)
    if not status_of(run).is_going:  # else it says how somebody else has started it
        write_job(run, launch, on="local")
    return run


def prepare_folder(config: CellConfig, choices: Mapping[str, str], store: Store) -> RunFolder:
    """Write one run folder, without saying how it is started.

    Raises:
        StoreError: the store cannot be written.
    """
    run = store.prepare(config, choices)
    forget_stop(run)
    return run


def for_jobs(launch: LaunchConfig) -> LaunchConfig:
    """The settings that records of jobs show: what follows a study is its command's own, and may hold an address."""
    return dataclasses.replace(launch, on_end=None)


def write_job(run: RunFolder, launch: LaunchConfig, *, on: str) -> None:
    """Say how a run is started; who submits it does so once the submission is taken, so that one writes it, not two.

    Raises:
        StoreError: the store cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(run.job, {"launch": plain(for_jobs(launch)), "on": on, "submitted_at": now})
