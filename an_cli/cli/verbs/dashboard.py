"""`an-cli dashboard`: a store as one HTML page, or live on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from an_cli.cli.options import HERE, StorePath


def dashboard(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write the page. Default: dashboard.html in the store."),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it live on this machine only; write no file.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="With --serve; 0 takes a free one.")] = 8377,
    store: StorePath = HERE,
) -> None:
    """Show a store as one page: studies, tables, runs, curves, comparison. It opens without a network."""
    from an_cli.cli.dashboard import serve_page, write_page

    if serve and out is not None:
        raise typer.BadParameter("a live page is not written to a file", param_hint="--out")
    if serve:
        serve_page(store, port)
    else:
        print(write_page(store, out))
