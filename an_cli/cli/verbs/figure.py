"""`an-cli figure`: Figure 1, Figure 4 and training curves from what is on disk."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.options import HERE, StorageUrl, StorePath, Words


class FigureKind(StrEnum):
    """What is drawn."""

    FIG1 = "fig1"
    TRADEOFF = "tradeoff"
    MIXTURE = "mixture"
    CURVES = "curves"
    HISTORY = "history"
    IMPORTANCES = "importances"
    SLICES = "slices"
    PARALLEL = "parallel"
    FRONT = "front"


class FigureEnding(StrEnum):
    """What a figure is saved as."""

    PDF = "pdf"
    SVG = "svg"
    PNG = "png"


_SIZES = ("params", "macs")


def figure(
    kind: Annotated[
        FigureKind,
        typer.Argument(
            help="fig1: error against size (the paper's Figure 1). tradeoff: a measure against any column of numbers. "
            "mixture: what the attention learned (Figure 4). curves: training curves, bands over seeds. "
            "Of a search: history, importances, slices, parallel, front."
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="STUDY|RUN", help="A study; mixture: a run; curves: a study, else a run."),
    ],
    words: Words = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: reports/build/ of the store.")
    ] = None,
    format: Annotated[
        FigureEnding | None, typer.Option("--format", "-f", help="Default: the ending of --out, else pdf.")
    ] = None,
    against: Annotated[
        str,
        typer.Option("--against", metavar="COLUMN", help="Across: params, macs, or any column of numbers: recipe.lr."),
    ] = "params",
    measure: Annotated[
        str | None, typer.Option("--measure", metavar="COLUMN", help="Up: default the study's primary measure.")
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="fig1: add what the paper printed.")] = False,
    storage: StorageUrl = None,
    store: StorePath = HERE,
) -> None:
    """Draw a figure as PDF, SVG or PNG and print where it is. Equal records give equal bytes."""
    from an_cli.cli.figure import Request, draw

    ending = _ending(out, format)
    if published and against not in _SIZES:
        raise typer.BadParameter("the paper printed sizes only; it goes with params and macs", param_hint="--published")
    wanted = Request(
        kind=kind,
        target=target,
        words=tuple(words or ()),
        against=against,
        measure=measure,
        published=published,
        storage=storage,
    )
    print(draw(wanted, store, ending, out))


def _ending(out: Path | None, format: FigureEnding | None) -> FigureEnding:
    """What to save as: --format, the ending of the file, else PDF. A file must not pretend to be of another format."""
    legal = ", ".join(FigureEnding)
    named = out.suffix.lower().removeprefix(".") if out else ""
    if named and named not in list(FigureEnding):
        raise typer.BadParameter(
            f"a figure cannot be saved as {named}; name a file that ends in {legal}", param_hint="--out"
        )
    if named and format and named != format:
        raise typer.BadParameter(f"the file ends in {named}, --format says {format}", param_hint="--out")
    return format or (FigureEnding(named) if named else FigureEnding.PDF)
