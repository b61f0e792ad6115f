"""`an-cli sweep`: search a study's space, here or on a cluster."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from an_cli.cli.options import (
    HERE,
    STORAGE_VARIABLE,
    AsJson,
    StorageUrl,
    StorePath,
    StudyName,
    Where,
    Words,
    store_words,
)


def sweep(
    study: StudyName,
    words: Words = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", metavar="N", help="Processes that search, here or as jobs. [default: as many as fit]"
        ),
    ] = None,
    on: Annotated[
        Where, typer.Option("--on", help="Where: this machine, or the SLURM cluster whose login node this is.")
    ] = Where.LOCAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the search and print it; start nothing.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the list of trials again from the runs; start nothing.")
    ] = False,
    export: Annotated[
        tuple[str, str] | None,
        typer.Option("--export", metavar="best NAME", help="Write the best choice as sweeps/NAME.yaml; start nothing."),
    ] = None,
    storage: StorageUrl = None,
    worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Try choices from a space until the budget is spent, and print what came of it. The same command joins."""
    from an_cli.cli.searching import ask_search
    from an_cli.cli.study import open_store

    opened = open_store(store)
    asked = ask_search(study, [*on.words, *(words or [])], opened, storage, check=not worker)
    if export is not None:
        from an_cli.cli.export import export_best

        print(export_best(asked, *export))
        return
    if dry_run:
        from an_cli.cli.search_status import print_search

        print_search(asked, json=json)
        return
    from an_cli.cli.sweep import rebuild_search, sweep_here, sweep_on_slurm, work

    if rebuild:
        rebuild_search(asked)
        return
    if storage is not None:  # handed on like this: a URL may hold a password, and words end up in job scripts
        os.environ[STORAGE_VARIABLE] = storage
    command = ["sweep", study, *(words or []), *on.options, *store_words(store)]
    if worker:
        status = work(asked)
    elif on is Where.SLURM:
        status = sweep_on_slurm(asked, workers, command=command)
    else:
        status = sweep_here(asked, workers, command=command, json=json)
    if status:
        raise typer.Exit(status)
