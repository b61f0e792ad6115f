"""`an-cli paper`: the published numbers, printed and audited."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import AsJson
from an_cli.cli.verbs.report import SHORT, FormatOption, TableFormat

paper = typer.Typer(name="paper", help="The paper's printed tables, and whether they agree.", no_args_is_help=True)


@paper.command()
def audit(json: AsJson = False) -> None:
    """Check brackets, counts and agreement between the five tables; what cannot be decided is a remark.

    Exits 0: errors in print are a finding, not a failure.
    """
    from an_cli.cli.study import print_json
    from an_cli.plan import read_counts, read_ledger
    from an_cli.plan.ledger import TABLES
    from an_cli.report.paper_audit import audit as check

    findings = check({name: read_ledger(name) for name in TABLES}, read_counts())
    if json:
        kinds = [
            {"kind": "error" if finding.error else "remark", "where": finding.where, "what": finding.what}
            for finding in findings
        ]
        print_json({"findings": kinds})
        return
    for finding in findings:
        print(finding)


@paper.command()
def show(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="table1 to table5.")],
    format: FormatOption = TableFormat.TERMINAL,
) -> None:
    """Print one of the paper's tables from the ledger."""
    from an_cli.console.medium import medium
    from an_cli.report import published_table, render

    on = medium()
    print(render(published_table(table), SHORT.get(format, format), width=on.width, paint=on.paint), end="")
