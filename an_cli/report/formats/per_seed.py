"""A study as a long table: a line per row and seed, for a spreadsheet or for statistics of one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from an_cli.plan import Plan
from an_cli.report.frame import in_config_order, run_row
from an_cli.store import Store, read_run_and_count
from an_cli.store.remarks import Remarks, run_remarks

_FIRST = ("study", "row", "group", "baseline", "seed", "id", "cell", "status")
_LEFT_OUT = ("n_epochs", "skipped_lines")
_LAST = ("code_tree", "data_fingerprint", "device", "n_attempts", "error", "name", "tags")


def per_seed_csv(plan: Plan, store: Store) -> str:
    """CSV with `study`, `row` (the label of the table), `seed`, `id`, the config, then what was measured.

    Rows of the literature have no seeds and are not in it; a cell that two rows share has a line in each. What a run
    does not have is an empty field.
    """
    lines = list(_lines(plan, store))
    names = dict.fromkeys(name for line in lines for name in line)
    config = in_config_order(name for name in names if "." in name)
    numbers = [name for name in names if name not in {*_FIRST, *_LAST, *config}]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_FIRST, *config, *numbers, *_LAST], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _lines(plan: Plan, store: Store) -> Iterable[dict[str, Any]]:
    records = {cell.id: read_run_and_count(store.run(cell.id))[0] for cell in plan.cells}
    remarks = run_remarks(store)
    for row in plan.rows:
        for run_id in row.cells:
            cell = plan.cell(run_id)
            line = run_row(records[run_id], cell.config)
            own_remarks = remarks.get(run_id, Remarks())
            yield {
                **{name: value for name, value in line.items() if name not in _LEFT_OUT},
                "study": plan.folder,
                "row": row.label,
                "group": row.group,
                "baseline": row.baseline,
                "cell": cell.label,
                "name": own_remarks.name,
                "tags": " ".join(own_remarks.tags),
            }
