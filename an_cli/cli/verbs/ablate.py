"""`an-cli ablate`: run what a study still needs, then print its table."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from an_cli.cli.completing import studies_and_overrides
from an_cli.cli.options import HERE, AsJson, StorePath, Where, store_words

OPEN = 4  # more rounds of seeds to come


def ablate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY] [KEY=VALUE]...",
            help="A file in sweeps/, without .yaml, and overrides of its base; launch.KEY=VALUE says how to run it.",
            show_default=False,
            autocompletion=studies_and_overrides,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Write sweeps/NAME.yaml, the grid that KEY=a,b describes; run it."),
    ] = None,
    rerun: Annotated[
        list[str] | None,
        typer.Option(
            "--rerun",
            metavar="changed|ROW",
            help="Archive and run again: what other code than the installed one finished, or a row, by its label.",
        ),
    ] = None,
    on: Annotated[
        Where, typer.Option("--on", help="Where: this machine, or the SLURM cluster whose login node this is.")
    ] = Where.LOCAL,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave once every job is submitted; the same command comes back to them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run; start nothing.")] = False,
    until_resolved: Annotated[
        bool,
        typer.Option(
            "--until-resolved",
            help="Run the seeds that this round needs to tell rows apart; exit 4 while there are more rounds to come.",
        ),
    ] = False,
    budget: Annotated[
        int | None,
        typer.Option("--budget", metavar="N", help="With --until-resolved: at most N seeds per row. [first round: 30]"),
    ] = None,
    on_end: Annotated[
        str | None,
        typer.Option("--on-end", metavar="CMD", help="Run when the study has ended, or: bell. Same as launch.on_end."),
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Run what a study still needs and print its table. The same command continues what was interrupted."""
    from an_cli.cli.ablate import ablate_study, print_dry_run, tell_archived
    from an_cli.cli.ends import PARTIAL
    from an_cli.cli.study import ask_study, open_store, study_and_overrides
    from an_cli.launch import find_reruns

    if detach and on is Where.LOCAL:
        raise typer.BadParameter("runs on this machine end with their command; add --on slurm", param_hint="--detach")
    study, overrides = study_and_overrides(words or [], name, write=not dry_run)
    opened = open_store(store)
    asked = ask_study(study, [*on.words, *overrides], opened)
    if on_end is not None:
        asked = replace(asked, launch=replace(asked.launch, on_end=on_end))
    rule = None
    if until_resolved:
        from an_cli.cli.rounds import begin, round_of

        rule = begin(asked, opened, budget, dry_run=dry_run)
        asked = replace(asked, plan=round_of(asked, opened, rule)[0])
    elif budget is not None:
        raise typer.BadParameter("it belongs to --until-resolved", param_hint="--budget")
    reruns = find_reruns(asked.plan, opened, rerun or [])
    tell_archived(asked.plan, opened)
    if dry_run:
        print_dry_run(asked, opened, reruns, on_slurm=on is Where.SLURM, json=json)
        return
    command = ["an-cli", "ablate", *([name, *overrides] if name else words or []), *on.options]
    command += [*(["--until-resolved"] if until_resolved else []), *store_words(store)]
    status = ablate_study(asked, opened, reruns, on=on, command=command, json=json, detach=detach)
    if rule is not None and status in (0, PARTIAL):
        from an_cli.cli.rounds import tell

        decision = round_of(asked, opened, rule)[1]
        if not tell(decision, rule) and not status:
            status = OPEN
        status = status or (PARTIAL if decision.refused else 0)
    if status:
        raise typer.Exit(status)
