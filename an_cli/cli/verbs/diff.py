"""`an-cli diff`: two runs beside each other."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import runs
from an_cli.cli.options import HERE, AsJson, StorePath

_RUN = "A run's id, the beginning of it, its name, or STUDY/LABEL, run or only planned."


def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help=_RUN, autocompletion=runs)],
    second: Annotated[str, typer.Argument(metavar="RUN", help="What is compared with it.", autocompletion=runs)],
    whole: Annotated[bool, typer.Option("--all", help="All of the config and the surroundings, equal or not.")] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Print two runs' results beside each other, and the settings, code and surroundings in which they differ."""
    from an_cli.cli.diff import diff_value, look_up
    from an_cli.cli.study import open_store, print_json
    from an_cli.console.diff_text import diff_text
    from an_cli.console.medium import medium

    opened = open_store(store)
    value = diff_value(look_up(opened, first), look_up(opened, second), whole=whole)
    if json:
        print_json(value)
    else:
        print(diff_text(value, medium()), end="")
