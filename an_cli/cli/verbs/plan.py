"""`an-cli plan`: what a study needs, what each row costs, and what is there already."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath, StudyName, Words


def plan(
    study: StudyName,
    words: Words = None,
    json: AsJson = False,
    no_costs: Annotated[bool, typer.Option("--no-costs", help="Leave parameters and FLOPs out.")] = False,
    store: StorePath = HERE,
) -> None:
    """Print the rows and cells of a study. Nothing is started or changed."""
    from an_cli.cli.answers import plan_value
    from an_cli.cli.study import ask_study, open_store, print_json, tell_earlier, tell_large_batches

    opened = open_store(store)
    asked = ask_study(study, words or [], opened)
    tell_earlier(asked.plan, opened)
    tell_large_batches(asked.plan.cells)
    value = plan_value(asked, opened, with_costs=not no_costs)
    if json:
        print_json(value)
        return
    from an_cli.console.medium import medium
    from an_cli.console.texts import plan_text

    print(plan_text(value, medium()), end="")
