"""`an-cli smoke`: try every cell of a study, tiny, before it costs anything."""

from __future__ import annotations

import typer

from an_cli.cli.options import HERE, AsJson, StorePath, StudyName, Words


def smoke(
    study: StudyName,
    words: Words = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Train two steps, save, resume and evaluate every cell on made-up images. Exit 1 where one fails."""
    from an_cli.cli.study import ask_study, open_store, print_json
    from an_cli.console.columns import align
    from an_cli.console.medium import medium
    from an_cli.launch import settle
    from an_cli.launch.ask.smoke import smoke as try_all

    opened = open_store(store)
    asked = ask_study(study, words or [], opened)
    results = try_all(asked.plan.cells, settle(asked.launch), opened)
    failed = [result for result in results if result.error]
    if json:
        cells = [
            {"id": result.cell.id, "label": result.cell.label, "seconds": result.seconds, "error": result.error}
            for result in results
        ]
        print_json({"study": asked.plan.study, "cells": cells})
    else:
        body = [[result.cell.label, f"{result.seconds:.1f} s", result.error or "ok"] for result in results]
        print(align(["cell", "took", "outcome"], body, left=(0, 2), on=medium()), end="")
        print(f"{len(results)} cells: {len(results) - len(failed)} ok, {len(failed)} failed")
    if failed or len(results) < len(asked.plan.cells):
        raise typer.Exit(1)
