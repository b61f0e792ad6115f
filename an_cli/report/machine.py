"""Table -> JSON and CSV: all measures, printed or not, unrounded."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from an_cli.report.spec import Measure
from an_cli.report.table import Table, TableCell, TableRow

_ERRORS = (Measure.TOP1, Measure.TOP5)


def json_value(table: Table) -> dict[str, Any]:
    """The table as plain values; `an-cli report STUDY --json` prints it."""
    return {
        "study": table.study,
        "caption": table.caption,
        "epoch": table.epoch.value,
        "columns": [column.measure.value for column in table.columns],
        "rows": [_row(row) for row in table.rows],
        "footnotes": [{"mark": mark, "text": text} for text, mark in table.footnotes.items()],
        "notes": list(table.notes),
    }


def as_json(table: Table) -> str:
    """JSON text that ends in a newline."""
    return json.dumps(json_value(table), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _row(row: TableRow) -> dict[str, Any]:
    return {
        "label": row.label,
        "kind": row.kind,
        "group": row.group,
        "baseline": row.baseline,
        "status": row.status.value,
        "marks": [mark.value for mark in row.marks],
        "params": _count(row.cells[Measure.PARAMS]),
        "macs": _count(row.cells[Measure.MACS]),
        "n_seeds": len(row.seeds),
        "seeds": list(row.seeds),
        "top1_error_pct": _measured(row.cells[Measure.TOP1]),
        "top5_error_pct": _measured(row.cells[Measure.TOP5]),
        "gain": {
            **_measured(row.cells[Measure.GAIN]),
            "of": Measure.TOP1.value,
            "over": row.reference or None,
            "sign": "row - reference",
            "paired": row.cells[Measure.GAIN].paired,
        },
        "runs": list(row.runs),
        "cells": list(row.planned),
        "notes": list(row.notes),
        "note": row.remark,
    }


def _count(cell: TableCell) -> int | None:
    return None if cell.value is None else round(cell.value)


def _measured(cell: TableCell) -> dict[str, Any]:
    return {
        "mean": cell.value,
        "std": cell.spread,
        "standard_error": cell.standard_error,
        "n": cell.n,
        "values": list(cell.values),
        "marks": [mark.value for mark in cell.marks],
        "notes": list(cell.notes),
        "runs": list(cell.runs),
    }


def as_csv(table: Table) -> str:
    """A line per row; an unknown number is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows(_fields(row) for row in table.rows)
    return text.getvalue()


_HEAD = (
    *("label", "group", "kind", "status", "baseline", "n_seeds", "n_planned", "params", "macs"),
    *(f"{measure.value}_{part}" for measure in _ERRORS for part in ("mean", "std")),
    *("gain_over", "gain_mean", "gain_std", "gain_standard_error", "gain_n", "runs", "notes"),
)


def _fields(row: TableRow) -> list[object]:
    gain = row.cells[Measure.GAIN]
    notes = dict.fromkeys([*row.notes, *(note for cell in row.cells.values() for note in cell.notes)])
    return [
        *(row.label, row.group, row.kind, row.status.value, row.baseline, len(row.seeds), len(row.planned)),
        *(_count(row.cells[measure]) for measure in (Measure.PARAMS, Measure.MACS)),
        *(value for measure in _ERRORS for value in (row.cells[measure].value, row.cells[measure].spread)),
        *(row.reference, gain.value, gain.spread, gain.standard_error, gain.n, " ".join(row.runs), "; ".join(notes)),
    ]
