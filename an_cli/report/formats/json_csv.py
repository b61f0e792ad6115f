"""Table -> JSON and CSV: all measures, printed or not, unrounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from an_cli.report.spec import EXTRAS, Quantity
from an_cli.report.table import Table, TableCell, TableRow, is_setting
from an_cli.store import DETECTION, Measures


def json_value(table: Table) -> dict[str, Any]:
    """The table as plain values; `an-cli report STUDY --json` prints it."""
    shared = _shared([row.config for row in table.rows if row.config])
    return {
        "study": table.study,
        "caption": table.caption,
        "epoch": table.epoch.value,
        "columns": [str(column.measure) for column in table.columns],
        "rows": [_row(row, shared, table.measures) for row in table.rows],
        "footnotes": [{"mark": mark, "text": text} for text, mark in table.footnotes.items()],
        "notes": list(table.notes),
        "alpha": table.alpha,
        "looks": table.looks,
        "config": shared,
        "provenance": {run_id: {**vars(source)} for run_id, source in table.sources.items()},
    }


def as_json(table: Table) -> str:
    """JSON text that ends in a newline; a line for each row, run and footnote."""
    parts = [f"{_compact(key)}: {_lines(value)}" for key, value in json_value(table).items()]
    return "{" + ",\n".join(parts) + "}\n"


def _lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(map(_compact, value)) + "\n]"
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"{_compact(key)}: {_compact(item)}" for key, item in value.items()) + "\n}"
    return _compact(value)


def _compact(value: Any) -> str:
    return _ENCODER.encode(value).encode(errors="backslashreplace").decode()


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


def _shared(configs: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The settings that all rows have in common, so that a row says only its own."""
    shared = dict(configs[0]) if configs else {}
    for config in configs[1:]:
        shared = {key: value for key, value in shared.items() if key in config and config[key] == value}
    return shared


def _row(row: TableRow, shared: Mapping[str, object], measures: Measures) -> dict[str, Any]:
    return {
        **_standing(row),
        **{key: _measured(row.cell(key)) for key in measures.keys},
        "gain": _gain(row, measures),
        "paper": {
            measures.primary.key: row.cell(Quantity.PAPER).value,
            "difference": row.cell(Quantity.PAPER_DIFFERENCE).value,
            "verdict": row.cell(Quantity.PAPER_VERDICT).word or None,
        },
        "runs": list(row.runs),
        "cells": list(row.planned),
        "notes": list(row.notes),
        "note": row.remark,
        "title": row.title or row.label,
        "config": {key: value for key, value in row.config.items() if key not in shared},
        **{key: _measured(row.cell(key)) for key in _beside(measures) if key in row.cells},
    }


def _standing(row: TableRow) -> dict[str, Any]:
    """What the row is, and how much of it there is."""
    return {
        "label": row.label,
        "kind": row.kind,
        "group": row.group,
        "baseline": row.baseline,
        "status": row.status.value,
        "marks": [mark.value for mark in row.marks],
        "params": _count(row.cell(Quantity.PARAMS)),
        "macs": _count(row.cell(Quantity.MACS)),
        "n_seeds": len(row.seeds),
        "seeds": list(row.seeds),
    }


def _gain(row: TableRow, measures: Measures) -> dict[str, Any]:
    cell = row.cell(Quantity.GAIN)
    return {
        **_measured(cell),
        "of": measures.primary.key,
        "over": row.reference or None,
        "sign": "row - reference",
        "paired": cell.paired,
        "comparison": _compared(cell),
    }


def _beside(measures: Measures) -> tuple[str, ...]:
    """What a row may have besides the measures of its study's task."""
    quoted = tuple(key for key in DETECTION.keys if key not in measures)
    return (*quoted, *_extras(measures))


def _extras(measures: Measures) -> tuple[str, ...]:
    return (*(complement.measure.key for complement in measures.complements), *EXTRAS)


def _count(cell: TableCell) -> int | None:
    return None if cell.value is None else round(cell.value)


def _measured(cell: TableCell) -> dict[str, Any]:
    return {
        "mean": cell.value,
        "std": cell.spread,
        "standard_error": cell.standard_error,
        "n": cell.n,
        "values": list(cell.values),
        "bracket": cell.bracket,
        "marks": [mark.value for mark in cell.marks],
        "notes": list(cell.notes),
        "runs": list(cell.runs),
    }


def _compared(cell: TableCell) -> dict[str, Any] | None:
    """How surely two rows differ; "interval" is of this comparison alone, "p_table" by Holm over the table."""
    comparison = cell.comparison
    if comparison is None:
        return None
    return {
        "interval": None if comparison.low is None else [comparison.low, comparison.high],
        "p": comparison.p,
        "p_table": comparison.p_table,
        "effect": comparison.effect,
        "method": comparison.method,
        "covers": comparison.covers.value,
        "seeds": comparison.seeds,
        "looks": comparison.looks,
        "claim": comparison.unclaimed or None,
    }


def as_csv(table: Table) -> str:
    """A line per row; an unknown number is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns, measures = [column.measure for column in table.columns], table.measures
    extras = [str(key) for key in _extras(measures) if key in columns]
    settings = [column.measure for column in table.columns if is_setting(column)]
    writer.writerow([*_head(measures), *(f"{key}_{part}" for key in extras for part in ("mean", "std")), *settings])
    writer.writerows([*_fields(row, measures), *_own(row, extras, settings)] for row in table.rows)
    return text.getvalue()


def _head(measures: Measures) -> tuple[str, ...]:
    return (
        *("label", "group", "kind", "status", "baseline", "n_seeds", "n_planned", "params", "macs"),
        *(f"{key}_{part}" for key in measures.keys for part in ("mean", "std", "marks")),
        *("gain_over", "gain_mean", "gain_std", "gain_standard_error", "gain_n"),
        *("gain_low", "gain_high", "gain_p", "gain_p_table", "gain_covers"),
        *(f"paper_{measures.primary.key}", "paper_verdict", "runs", "notes"),
    )


def _fields(row: TableRow, measures: Measures) -> list[object]:
    gain = row.cell(Quantity.GAIN)
    how = gain.comparison
    notes = dict.fromkeys([*row.notes, *(note for cell in row.cells.values() for note in cell.notes)])
    return [
        *(row.label, row.group, row.kind, row.status.value, row.baseline, len(row.seeds), len(row.planned)),
        *(_count(row.cell(measure)) for measure in (Quantity.PARAMS, Quantity.MACS)),
        *(value for key in measures.keys for value in _summary(row.cell(key))),
        *(row.reference, gain.value, gain.spread, gain.standard_error, gain.n),
        *((how.low, how.high, how.p, how.p_table, how.covers.value) if how else (None,) * 5),
        *(row.cell(Quantity.PAPER).value, row.cell(Quantity.PAPER_VERDICT).word),
        *(" ".join(row.runs), "; ".join(notes)),
    ]


def _own(row: TableRow, extras: Sequence[str], settings: Sequence[str]) -> list[object]:
    """What the study's own spec adds."""
    cells = [row.cell(key) for key in extras]
    return [
        *(number for cell in cells for number in (cell.value, cell.spread)),
        *(row.config.get(key) for key in settings),
    ]


def _summary(cell: TableCell) -> tuple[object, ...]:
    return cell.value, cell.spread, "; ".join(cell.marks)
