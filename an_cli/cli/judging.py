"""What is said about tables: whether a written one still holds, and what more seeds would tell."""

from __future__ import annotations

from dataclasses import asdict

from an_cli.cli.study import print_json, say
from an_cli.console.columns import align
from an_cli.console.medium import medium
from an_cli.errors import ReportError
from an_cli.report import Mark, Quantity, Table
from an_cli.report.compare.power import POWER, power
from an_cli.report.formats.verify import differences
from an_cli.store import Store

PARTIAL = 3  # some of what was asked cannot be answered


def verify_table(table: Table, store: Store) -> int:
    """Compare the table written last with the records; the exit status.

    Raises:
        ReportError: no table was written, or it cannot be read.
    """
    path = store.reports / f"{table.file_name}.json"
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(
            f"no written table to verify: {error}", where=str(path), now=f"an-cli report {table.study}"
        ) from error
    found = differences(written, table, str(path))
    for line in found:
        print(line)
    if found:
        say(f"{path}: {len(found)} differences; an-cli report {table.study} writes it anew")
        return 1
    print(f"{path}: every number is what {len(table.sources)} runs say")
    return 0


def print_power(table: Table, *, json: bool) -> int:
    """Print what more seeds would do for the rows that are not told apart; exit status 3 where some are refused."""
    found = power(table)
    refused = any(Mark.NOT_COMPARABLE in row.cell(Quantity.GAIN).marks for row in table.rows)
    status = PARTIAL if refused else 0
    if json:
        print_json({"study": table.study, "power": POWER, "rows": [asdict(one) for one in found]})
        return status
    if not found:
        compared = any(row.reference for row in table.rows)
        print("Every row is told apart from its reference." if compared else "No row is compared with another.")
        return status
    body = [[one.label, str(one.seeds), "-" if one.more is None else f"+{one.more}", one.why] for one in found]
    print(align(["row", "seeds", "more", "why"], body, left=(0, 3), on=medium()), end="")
    print(
        f"For {POWER:.0%} power, if the differences seen are the true ones; both rows of a comparison need the seeds."
    )
    return status
