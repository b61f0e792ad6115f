"""`an-cli report`: a study's runs as a table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath, StudyName, Words


class Format(StrEnum):
    """How a table is printed."""

    MARKDOWN = "markdown"
    LATEX = "latex"
    TERMINAL = "terminal"
    CSV = "csv"
    JSON = "json"
    MD = "md"
    TEX = "tex"


_SHORT = {Format.MD: Format.MARKDOWN, Format.TEX: Format.LATEX}


def report(
    study: StudyName,
    words: Words = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="What to print; md and tex for short.")] = (
        Format.MARKDOWN
    ),
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Print a study's table from what is on disk, and write it to reports/build/ of the store."""
    from an_cli.cli.asked import ask_study, open_store
    from an_cli.cli.tables import FILES, study_table, write_table
    from an_cli.report import render

    asked, opened = ask_study(study, words or []), open_store(store)
    wanted = Format.JSON if json else _SHORT.get(format, format)
    table = study_table(asked.plan, opened)
    write_table(table, opened, dict.fromkeys([*FILES, *([] if wanted is Format.TERMINAL else [str(wanted)])]))
    print(render(table, wanted), end="")
