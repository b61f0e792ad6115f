"""`an-cli cancel`: tell runs to save and stop."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import studies_and_runs
from an_cli.cli.options import HERE, AsJson, StorePath


def cancel(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY|RUN]",
            help="A study, a run's id or the beginning of it, or STUDY/LABEL. Without it: all runs of the store.",
            show_default=False,
            autocompletion=studies_and_runs,
        ),
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Tell runs to save and stop. The command that started them continues them later."""
    from an_cli.cli.find_run import runs_of
    from an_cli.cli.study import open_store, print_json, say
    from an_cli.launch.upkeep.cancel import CancelOutcome
    from an_cli.launch.upkeep.cancel import cancel as tell

    runs = runs_of(open_store(store), target)
    open_runs = sum(not run.result.exists() for run in runs)
    if open_runs and not json:
        say(f"telling {open_runs} unfinished runs to save and stop; with jobs in a queue SLURM is asked first")
    outcomes = tell(runs)
    if json:
        print_json({"runs": [{"id": run.id, "told": str(word)} for run, word in outcomes.items()]})
        return
    for run, word in outcomes.items():
        if word is not CancelOutcome.NOTHING:
            print(f"{run.id}  {word}")
    if all(word is CancelOutcome.NOTHING for word in outcomes.values()):
        print("nothing to stop")
