"""`an-cli verify`: compare the bytes of finished runs, and of the code that made them, with what they were."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import HERE, STUDY_HELP, AsJson, StorePath, Words


def verify(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help=f"{STUDY_HELP} Without it: all runs of the store.")
    ] = None,
    words: Words = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Look for changed bytes in code, config, metrics, checkpoints and per-sample bits. Exit 1 where one is found."""
    from an_cli.cli.study import ask_study, open_store, print_json
    from an_cli.launch.code.frozen import damaged_copies
    from an_cli.store.digests import damages

    opened = open_store(store)
    ids = opened.run_ids() if study is None else [cell.id for cell in ask_study(study, words or [], opened).plan.cells]
    runs = [opened.run(run_id) for run_id in ids]
    finished = [run for run in runs if run.result.exists()]
    damaged = {run.id: problems for run in finished if (problems := damages(run))}
    copies = damaged_copies(opened)
    if json:
        print_json({"runs": len(finished), "damaged": damaged, "code": copies})
    else:
        for run_id, problems in damaged.items():
            print("".join(f"{run_id}: {line}\n" for line in problems), end="")
        print("".join(f"code {copy}: its bytes have changed\n" for copy in copies), end="")
        print(f"{len(finished)} finished runs: {len(finished) - len(damaged)} as they were, {len(damaged)} not")
    if damaged or copies:
        raise typer.Exit(1)
