"""Options and arguments that several verbs share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.completing import overrides, studies

STUDY_HELP = "Name of a file in sweeps/, without .yaml."
WORDS_HELP = "Overrides of the base of every row: model=resnet101 recipe.epochs=10 seed=0,1."

StudyName = Annotated[str, typer.Argument(metavar="STUDY", help=STUDY_HELP, show_default=False, autocompletion=studies)]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help=WORDS_HELP, show_default=False, autocompletion=overrides),
]
CellWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="What the cell is: model=resnet50 norm=an_bn seed=0; launch.KEY=VALUE says how to run it.",
        show_default=False,
        autocompletion=overrides,
    ),
]
StorePath = Annotated[
    Path, typer.Option("--store", metavar="DIR", envvar="AN_CLI_STORE", help="Folder that holds runs/ and studies/.")
]
STORAGE_VARIABLE = "AN_CLI_STORAGE"
StorageUrl = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        envvar=STORAGE_VARIABLE,
        help="Optuna's storage, as Optuna writes it. [default: a journal in the store]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
HERE = Path()


class Where(StrEnum):
    """Where runs are started."""

    LOCAL = "local"
    SLURM = "slurm"

    @property
    def words(self) -> list[str]:
        """The launch group of a place, which a word on the command line may replace."""
        return [f"launch={self}"] if self is Where.SLURM else []

    @property
    def options(self) -> list[str]:
        """What names the place on a command line."""
        return ["--on", str(self)] if self is Where.SLURM else []


def store_words(store: Path) -> list[str]:
    """What names a store on a command line; nothing for the folder one stands in."""
    return [] if store == HERE else ["--store", str(store)]
