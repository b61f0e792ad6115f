"""`an-cli import-weights`: published weights under our names, as a file or as a run that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, CellWords, StorePath
from an_cli.cli.verbs.evaluate import DataName, ModelName, NormName, RecipeName, TakesEma


def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A state dict, or a training state that holds one.")],
    words: CellWords = None,
    model: ModelName = None,
    norm: NormName = None,
    recipe: RecipeName = None,
    data: DataName = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the state dict under our names.")
    ] = None,
    ema: TakesEma = False,
    as_run: Annotated[
        bool, typer.Option("--as-run", help="Make it the run of its cell, marked as imported, not trained.")
    ] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Check that a file holds exactly a network's weights, in the authors' names or ours; rename them.

    No code in the file is run. A tensor that is missing, left over or of another shape is an error that names it.
    """
    from an_cli.cli.study import open_store, print_json
    from an_cli.config import compose, plain
    from an_cli.console.evaluated import imported_text
    from an_cli.launch import Door

    named = {"model": model, "norm": norm, "recipe": recipe, "data": data}
    composed = compose([*(f"{group}={name}" for group, name in named.items() if name), *(words or ())])
    request = {
        "file": str(file.expanduser().resolve()),
        "config": plain(composed.cell),
        "choices": dict(composed.choices),
        "ema": ema,
        "out": str(out.expanduser().resolve()) if out else None,
        "store": str(open_store(store).root) if as_run else None,
    }
    answer = Door().ask_about("import", request)
    imported = {"file": str(file), **answer, "out": request["out"]}
    if json:
        print_json(imported)
    else:
        print(imported_text(imported), end="")
