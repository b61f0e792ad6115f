"""`an-cli archive` and `an-cli rm`: runs put away, brought back, removed."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import studies_and_runs
from an_cli.cli.options import HERE, AsJson, StorePath

_Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN|STUDY]...",
        help="Runs, or studies: of these, the runs that no other study has.",
        show_default=False,
        autocompletion=studies_and_runs,
    ),
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it. Without it nothing is changed.")]
_Failed = Annotated[bool, typer.Option("--failed", help="Only runs that failed; without a target, all of the store.")]


def archive(
    targets: _Targets = None,
    back: Annotated[bool, typer.Option("--back", help="Bring archived runs back, under the labels they had.")] = False,
    failed: _Failed = False,
    yes: _Yes = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Put runs away, out of status and tables, or bring them back; without a target, list what is archived.

    Says what names each run (studies, written tables) and changes nothing without --yes.
    """
    from an_cli.cli.archive import archive_values, back_values, list_values, print_moves
    from an_cli.cli.study import open_store

    opened = open_store(store)
    if not targets and not failed:
        values, verb = list_values(opened), "archived"
    elif back:
        values, verb = back_values(opened, targets or [], really=yes), "brought back"
    else:
        values, verb = archive_values(opened, targets or [], failed=failed, really=yes), "archived"
    raise typer.Exit(print_moves(values, verb, really=yes or not targets, json=json))


def rm(
    targets: _Targets = None,
    archived: Annotated[bool, typer.Option("--archived", help="Of the archived runs, not of the others.")] = False,
    failed: _Failed = False,
    yes: _Yes = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Remove runs for ever, and say what names each (studies, written tables). Nothing goes without --yes."""
    from an_cli.cli.archive import print_moves, remove_archived_values, remove_values
    from an_cli.cli.study import open_store

    if not targets and not failed:
        raise typer.BadParameter("name runs or studies, or give --failed", param_hint="RUN|STUDY")
    opened = open_store(store)
    if archived:
        values = remove_archived_values(opened, targets or [], really=yes)
    else:
        values = remove_values(opened, targets or [], failed=failed, really=yes)
    raise typer.Exit(print_moves(values, "removed", really=yes, json=json))
