"""`an-cli retry`: give cells that failed too often another budget."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath, StudyName, Where, Words, store_words


def retry(
    study: StudyName,
    words: Words = None,
    on: Annotated[Where, typer.Option("--on", help="Where: this machine, or the SLURM cluster.")] = Where.LOCAL,
    detach: Annotated[bool, typer.Option("--detach", help="Leave once every job is submitted.")] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Run a study as ablate does, and also the cells that ablate leaves alone because they failed too often."""
    from an_cli.cli.ablate import ablate_study
    from an_cli.cli.study import ask_study, open_store

    opened = open_store(store)
    asked = ask_study(study, [*on.words, *(words or [])], opened)
    command = ["an-cli", "ablate", study, *(words or []), *on.options, *store_words(store)]
    status = ablate_study(asked, opened, {}, on=on, command=command, json=json, detach=detach, reset_budget=True)
    if status:
        raise typer.Exit(status)
