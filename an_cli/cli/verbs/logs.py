"""`an-cli logs`: what a run printed."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import runs
from an_cli.cli.options import HERE, AsJson, StorePath


def logs(
    target: Annotated[
        str,
        typer.Argument(metavar="CELL", help="A run's id, the beginning of it, or STUDY/LABEL.", autocompletion=runs),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the run prints, until it ends.")] = False,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", metavar="N", min=0, help="The last N lines only.", show_default=False)
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Print the log of a run."""
    from an_cli.cli.find_run import find_run
    from an_cli.cli.following import follow_log, read_log
    from an_cli.cli.study import open_store, print_json

    run = find_run(open_store(store), target)
    text, end = read_log(run)
    shown = text.splitlines(keepends=True)
    shown = shown if lines is None else shown[max(0, len(shown) - lines) :]
    if json:
        if follow:
            raise typer.BadParameter("it goes without --json", param_hint="--follow")
        print_json({"id": run.id, "log": str(run.log), "lines": [line.rstrip("\n") for line in shown]})
        return
    print("".join(shown), end="", flush=True)
    if follow:
        follow_log(run, end, lambda more: print(more, end="", flush=True))
