"""`an-cli evaluate`: the weights of a run, or of a file, on an evaluation set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath

ModelName = Annotated[str | None, typer.Option("--model", metavar="NAME", help="A file's network: in conf/model.")]
NormName = Annotated[str | None, typer.Option("--norm", metavar="NAME", help="Its normalization: in conf/norm.")]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", metavar="NAME", help="The recipe it was trained by, which sets the stem.")
]
DataName = Annotated[str | None, typer.Option("--data", metavar="NAME", help="The data set: in conf/data.")]
TakesEma = Annotated[
    bool, typer.Option("--ema", help="Take the moving average (EMA) that a file holds beside its weights.")
]
WordsAsked = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Overrides: of data and launch; for a file of anything."),
]


class Which(StrEnum):
    """Which weights of a run."""

    LAST = "last"
    BEST = "best"


def evaluate(
    target: Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run's id or STUDY/LABEL, or a file of weights.")],
    words: WordsAsked = None,
    model: ModelName = None,
    norm: NormName = None,
    recipe: RecipeName = None,
    data: DataName = None,
    epoch: Annotated[Which, typer.Option("--epoch", help="A run's newest weights, or those of its best epoch.")] = (
        Which.LAST
    ),
    ema: TakesEma = False,
    ranks: Annotated[
        int | None, typer.Option("--ranks", metavar="N", help="Processes that share the images; the bits stay equal.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write what was found of every image, as .npz.")
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Evaluate the weights of a run or of a file and print what its task measures.

    A run's own records are left as they are; an imported run remembers its errors on its own data set.
    """
    from an_cli.cli.evaluate import Question, ask
    from an_cli.cli.study import open_store, print_json
    from an_cli.console.evaluated import evaluated_text

    named = {"model": model, "norm": norm, "recipe": recipe, "data": data}
    chosen = [f"{group}={name}" for group, name in named.items() if name]
    ranked = [f"launch.ranks={ranks}"] if ranks is not None else []
    every = (*chosen, *(words or ()), *ranked)
    answer = ask(Question(target=target, words=every, epoch=epoch, ema=ema, out=out), open_store(store))
    if json:
        print_json(answer)
    else:
        print(evaluated_text(answer), end="")
