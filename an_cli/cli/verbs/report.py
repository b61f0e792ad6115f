"""`an-cli report`: a study's runs as a table."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorageUrl, StorePath, StudyName, Words


class TableFormat(StrEnum):
    """How a table is printed."""

    MARKDOWN = "markdown"
    LATEX = "latex"
    HTML = "html"
    TERMINAL = "terminal"
    CSV = "csv"
    JSON = "json"
    MD = "md"
    TEX = "tex"


SHORT = {TableFormat.MD: TableFormat.MARKDOWN, TableFormat.TEX: TableFormat.LATEX}
FormatOption = Annotated[TableFormat, typer.Option("--format", "-f", help="What to print; md and tex for short.")]
_Printed = Annotated[
    TableFormat | None,
    typer.Option(
        "--format", "-f", help="What to print; md and tex for short. [default: terminal on one, else markdown]"
    ),
]


def report(
    study: StudyName,
    words: Words = None,
    format: _Printed = None,
    power: Annotated[
        bool, typer.Option("--power", help="Print how many more seeds each row needs to be told apart.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the table written last with the records; write nothing.")
    ] = False,
    per_seed: Annotated[
        bool, typer.Option("--per-seed", help="With --format csv: a line per row and seed, with the whole config.")
    ] = False,
    waive: Annotated[
        list[str] | None,
        typer.Option("--waive", metavar="KEY", help="Let rows differ in KEY (code, device, recipe.lr); footnoted."),
    ] = None,
    storage: StorageUrl = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Print a study's table from what is on disk, and write it to reports/build/ of the store."""
    from an_cli.cli.report import asked_table, print_per_seed, print_power, verify_table, write_table
    from an_cli.cli.searching import named_search
    from an_cli.cli.study import ask_study, open_store, say, tell_earlier
    from an_cli.console.medium import is_terminal, medium
    from an_cli.report import render

    opened = open_store(store)
    if named_search(study, opened):
        if power or verify or per_seed or waive:
            raise typer.BadParameter("a search has a report, and no rows that are compared", param_hint="STUDY")
        from an_cli.cli.search_report import print_report
        from an_cli.cli.searching import ask_search

        shape = SHORT.get(format, format) if format else TableFormat.MARKDOWN
        shape = TableFormat.TERMINAL if format is None and is_terminal(sys.stdout) else shape
        if code := print_report(ask_search(study, words or [], opened, storage), json=json, format=shape):
            raise typer.Exit(code)
        return
    asked = ask_study(study, words or [], opened)
    on = medium()
    suited = TableFormat.TERMINAL if is_terminal(sys.stdout) else TableFormat.MARKDOWN
    wanted = TableFormat.JSON if json else SHORT.get(format, format) if format else suited
    if per_seed:
        if wanted is not TableFormat.CSV:
            raise typer.BadParameter("it goes with --format csv", param_hint="--per-seed")
        print_per_seed(asked, opened)
        return
    table = asked_table(asked, opened, waive=waive or [])
    if verify:
        raise typer.Exit(verify_table(table, opened))
    if power:
        raise typer.Exit(print_power(table, json=json))
    earlier = tell_earlier(asked.plan, opened)
    kept = write_table(table, opened)
    print(render(table, wanted, width=on.width, paint=on.paint), end="")
    if not any(row.runs for row in table.rows) and asked.plan.cells:
        say("no run of this study has finished; an-cli status says how far they are")
        raise typer.Exit(1)
    if kept or earlier:
        raise typer.Exit(3)
