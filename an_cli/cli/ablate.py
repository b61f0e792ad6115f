"""`an-cli ablate`: run what a study still needs, then print its table."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath


def ablate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY] [KEY=VALUE]...",
            help="A file in sweeps/, without .yaml, and overrides of its base; launch.KEY=VALUE says how to run it.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Write sweeps/NAME.yaml, the grid that KEY=a,b describes; run it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would run; start nothing.")] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Run what a study still needs and print its table. The same command continues what was interrupted."""
    from an_cli.cli.ablating import ablate_study, print_dry_run
    from an_cli.cli.asked import ask_study, open_store

    study, overrides = _name_and_overrides(words or [], name)
    asked, opened = ask_study(study, overrides), open_store(store)
    if dry_run:
        print_dry_run(asked, opened, json=json)
        return
    command = ["an-cli", "ablate", *([study] if name else []), *(overrides if name else words or [])]
    status = ablate_study(asked, opened, command=command, json=json)
    if status:
        raise typer.Exit(status)


def _name_and_overrides(words: list[str], name: str | None) -> tuple[str, list[str]]:
    """The study and the overrides to ask for; a grid is written first, and then is a study like others."""
    if name is None:
        if not words or "=" in words[0]:
            raise typer.BadParameter("name a study first, or give --as NAME", param_hint="STUDY")
        return words[0], words[1:]
    from an_cli.cli.asked import say, split
    from an_cli.plan import write_grid

    launch, science = split(words)
    say(f"study: {write_grid(name, science)}")
    return name, launch
