"""`an-cli status`: how far runs are, read off the disk and the scheduler."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from an_cli.cli.completing import studies
from an_cli.cli.options import HERE, STUDY_HELP, AsJson, StorageUrl, StorePath, Words


def status(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]", help=f"{STUDY_HELP} Without it: all runs of the store.", autocompletion=studies
        ),
    ] = None,
    words: Words = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Print again whenever it changes, until nothing runs; --json: a line each."),
    ] = False,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only runs with this tag.", show_default=False)
    ] = None,
    storage: StorageUrl = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Print the state of a study's cells, or of all runs in the store. Nothing is changed."""
    from an_cli.cli.answers import status_values, with_jobs
    from an_cli.cli.find_run import labels_of
    from an_cli.cli.searching import named_search
    from an_cli.cli.study import ask_study, is_store, open_store, print_json, say, tell_earlier
    from an_cli.cli.tag import with_tags
    from an_cli.store.remarks import run_remarks

    opened = open_store(store)
    if study is not None and named_search(study, opened):
        from an_cli.cli.search_status import follow_search

        follow_search(study, words or [], opened, storage, watch=watch, json=json)
        return
    if study is not None and not is_store(opened):
        say(f"note: {opened.root} holds no store: nothing has been run here")
    rows: dict[str, str] = {}
    if study is None:
        labels = {run_id: by_study[0] for run_id, by_study in labels_of(opened).items()}
        ids = sorted(opened.run_ids(), key=lambda run_id: (labels.get(run_id, "~"), run_id))
    else:
        asked = ask_study(study, words or [], opened)
        cells = asked.plan.cells
        tell_earlier(asked.plan, opened)
        labels, ids = {cell.id: cell.label for cell in cells}, [cell.id for cell in cells]
        rows = {cell.id: asked.plan.row_of(cell.id) for cell in cells}
    from an_cli.console.medium import medium
    from an_cli.console.texts import status_text

    def look() -> list[dict[str, Any]]:
        return with_tags(with_jobs(opened, status_values(opened, labels, ids, rows)), run_remarks(opened), tag or [])

    if watch:
        from an_cli.cli.following import watch as stay

        stay(look, json_line if json else status_text, redraw=not json)
        return
    values = look()
    if json:
        print_json({"cells": values})
    else:
        print(status_text(values, medium()), end="")


def json_line(cells: list[dict[str, Any]], on: object) -> str:
    """A line that a program can read as it comes."""
    from json import dumps

    return dumps({"cells": cells}) + "\n"
