"""`an-cli run`: one cell in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, CellWords, StorePath


def run(
    words: CellWords = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call it, in status and for every verb.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The whole config: what show RUN --yaml prints, or a cell.json."),
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Run one cell in the foreground and print its result. The same command continues what was interrupted."""
    from an_cli.cli.answers import run_value
    from an_cli.cli.run import run_cell
    from an_cli.cli.study import open_store, print_json
    from an_cli.console.texts import run_text

    folder, status = run_cell(words or [], open_store(store), name=name, config=config)
    if status:
        raise typer.Exit(status)
    value = run_value(folder, [])
    if json:
        print_json(value)
    else:
        print(run_text(value), end="")
