"""`an-cli data`: data sets of image files made fit for a network file system, and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.options import AsJson

data = typer.Typer(name="data", help="Data sets of image files: shards, and checks.", no_args_is_help=True)


@data.command()
def prepare(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="Folder for the shards; made where it is missing.")],
    shards: Annotated[
        int | None,
        typer.Option("--shards", metavar="N", help="Files of the training split, 1 to 256. [default: 1 GiB each]"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write an image folder as a few large tar files (WebDataset shards) and an index.

    Training and evaluation give the same bits from either form. The same command continues what was broken off.
    """
    from an_cli.cli.data import ask_prepare
    from an_cli.cli.study import print_json
    from an_cli.console.images import prepared_text

    answer = ask_prepare(source, target, shards)
    if json:
        print_json(answer)
    else:
        print(prepared_text(answer), end="")


@data.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder with train/ and val/, or with shards.")],
    against: Annotated[
        str | None, typer.Option("--data", metavar="NAME", help="A file in conf/data whose counts it must have.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Look at names and sizes only; decode nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Count images and classes, decode every image, and print the fingerprints that attempts record.

    Exits 1 when an image cannot be read or a count is not the expected one.
    """
    from an_cli.cli.data import ask_verify
    from an_cli.cli.study import print_json
    from an_cli.console.images import verified_text

    answer = ask_verify(path, against, quick=quick)
    if json:
        print_json(answer)
    else:
        print(verified_text(answer), end="")
    if answer["problems"]:
        raise typer.Exit(1)
