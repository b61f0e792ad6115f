"""A study's table: made, written, verified against the records; and what more seeds would show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from an_cli.cli.rounds import round_of, rule_of
from an_cli.cli.study import Asked, print_json, say
from an_cli.console.columns import align
from an_cli.console.medium import medium
from an_cli.errors import ReportError, StoreError
from an_cli.launch import find_costs
from an_cli.plan import Plan
from an_cli.report import (
    Mark,
    Quantity,
    Rule,
    Table,
    check_waive,
    load_spec,
    make_table,
    spelled_characters,
    with_columns,
    write,
    written_runs,
)
from an_cli.report.compare.power import POWER, power
from an_cli.report.formats.verify import differences
from an_cli.store import Store


def study_table(
    plan: Plan,
    store: Store,
    *,
    rule: Rule | None = None,
    waive: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> Table:
    """The table of a study.

    Finished runs have counted their own parameters; costs are looked up for the others only, so that the table of a
    finished study needs no torch.

    Args:
        rule: by which seeds were added.
        waive: undeclared differences between rows to let through.
        columns: beside those of its report file -> who asks for them.
    """
    unfinished = [cell for cell in plan.cells if not store.run(cell.id).result.exists()]
    spec = load_spec(plan)
    spec = dataclasses.replace(spec, waive=(*spec.waive, *waive))
    for column, where in (columns or {}).items():
        spec = with_columns(spec, plan, [column], where)
    return make_table(plan, store, find_costs(unfinished, store), spec, rule)


def asked_table(asked: Asked, store: Store, *, waive: Sequence[str] = ()) -> Table:
    """The table of a study as asked for, with the seeds that `--until-resolved` has added."""
    rule = rule_of(asked, store)
    plan = asked.plan if rule is None else round_of(asked, store, rule)[0]
    check_waive(plan.cells, waive)
    return study_table(plan, store, rule=rule, waive=waive)


def print_per_seed(asked: Asked, store: Store) -> None:
    """Print a study as CSV, a line per row and seed, with the seeds that `--until-resolved` has added."""
    from an_cli.report.formats.per_seed import per_seed_csv

    rule = rule_of(asked, store)
    plan = asked.plan if rule is None else round_of(asked, store, rule)[0]
    print(per_seed_csv(plan, store), end="")


def write_table(table: Table, store: Store) -> bool:
    """Write the table's files and say where they are; a store that cannot be written is told, and no error.

    Returns:
        True where the files that are there are kept, because they hold runs that this unfinished table lacks.
    """
    runs = sum(len(row.runs) for row in table.rows)
    written = written_runs(table, store)
    if runs < written and any(len(row.runs) < len(row.planned) for row in table.rows):
        place = store.reports / (table.file_name or table.study)
        say(f"kept: {place}.*, which hold {written} finished runs; this table has {runs}. Remove them to write it")
        return True
    try:
        paths = write(table, store)
    except StoreError as error:
        say(f"the table's files were not written: {error}")
        return False
    say(f"files: {' '.join(str(path) for path in paths)}")
    say_spelled(table)
    return False


def say_spelled(table: Table) -> None:
    """Name the characters that LaTeX is not given as they are."""
    spelled = spelled_characters(table)
    if spelled:
        shown = ", ".join(f"{char!r} as {text!r}" for char, text in [*spelled.items()][:16])
        more = f" and {len(spelled) - 16} more" if len(spelled) > 16 else ""
        say(f"LaTeX spells {shown}{more}")


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
    changed = differences(written, table, str(path))
    for line in changed:
        print(line)
    if changed:
        say(f"{path}: {len(changed)} differences; an-cli report {table.study} writes it anew")
        return 1
    print(f"{path}: every number is what {len(table.sources)} runs say")
    return 0


def print_power(table: Table, *, json: bool) -> int:
    """Print what more seeds would do for the rows that are not told apart; exit status 3 where some are refused."""
    rows = power(table)
    refused = any(Mark.NOT_COMPARABLE in row.cell(Quantity.GAIN).marks for row in table.rows)
    status = PARTIAL if refused else 0
    if json:
        print_json({"study": table.study, "power": POWER, "rows": [asdict(row) for row in rows]})
        return status
    if not rows:
        compared = any(row.reference for row in table.rows)
        print("Every row is told apart from its reference." if compared else "No row is compared with another.")
        return status
    body = [[row.label, str(row.seeds), "-" if row.more is None else f"+{row.more}", row.why] for row in rows]
    print(align(["row", "seeds", "more", "why"], body, left=(0, 3), on=medium()), end="")
    print(
        f"For {POWER:.0%} power, if the differences seen are the true ones; both rows of a comparison need the seeds."
    )
    return status
