"""Records become a table: statistics, comparability, text. The frame for notebooks is `an_cli.report.frame`.

Names are looked up when they are first asked for: a command that only words a number must not wait for scipy.
(`__init__.pyi` says the same to type checkers.)
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Samples": "per_sample",
    "Column": "table",
    "Comparison": "comparison",
    "Cost": "build",
    "Covers": "comparison",
    "Decision": "decide",
    "Direction": "table",
    "Epoch": "spec",
    "Evidence": "decide",
    "FILES": "output",
    "Finding": "audit",
    "Mark": "table",
    "Quantity": "spec",
    "RowStatus": "table",
    "Rule": "decide",
    "Source": "table",
    "Spec": "spec",
    "State": "decide",
    "Table": "table",
    "TableCell": "table",
    "TableRow": "table",
    "build_table": "build",
    "check_waive": "comparability",
    "decision": "gains",
    "json_value": "machine",
    "load_spec": "spec",
    "make_table": "build",
    "published_table": "quoted",
    "render": "output",
    "spelled_characters": "latex",
    "write": "output",
    "written_runs": "output",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"an_cli.report.{_HOMES[name]}"), name)
