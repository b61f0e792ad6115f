"""Records become a table: statistics, comparability, text. The frame for notebooks is `an_cli.report.frame`.

Names are looked up when they are first asked for: a command that only words a number must not wait for scipy.
(`__init__.pyi` says the same to type checkers.)
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Samples": "evidence.per_sample",
    "Column": "table",
    "Comparison": "statistics.comparison",
    "Cost": "compare.build",
    "Covers": "statistics.comparison",
    "Decision": "statistics.stopping",
    "Direction": "table",
    "Epoch": "spec",
    "RowLooks": "statistics.stopping",
    "FILES": "formats.output",
    "Finding": "paper_audit",
    "Mark": "table",
    "Quantity": "spec",
    "RowStatus": "table",
    "Rule": "statistics.stopping",
    "Provenance": "table",
    "Spec": "spec",
    "State": "statistics.stopping",
    "Table": "table",
    "TableCell": "table",
    "TableRow": "table",
    "build_table": "compare.build",
    "check_waive": "evidence.comparability",
    "decision": "compare.gains",
    "json_value": "formats.json_csv",
    "load_spec": "spec",
    "make_table": "compare.build",
    "published_table": "compare.quoted",
    "render": "formats.output",
    "spelled_characters": "formats.latex",
    "write": "formats.output",
    "with_columns": "spec",
    "written_runs": "formats.output",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"an_cli.report.{_HOMES[name]}"), name)
