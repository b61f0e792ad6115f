"""The published-number ledger: reports/paper/*.csv, a line per printed row, with a note where the paper errs."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from an_cli.config import search_path
from an_cli.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row as printed: parameters in millions, FLOPs in billions, errors in per cent; None: nothing printed."""

    key: str
    label: str
    params_m: float | None
    flops_g: float | None
    top1_error_pct: float | None
    top5_error_pct: float | None
    source: str
    note: str


def read_ledger(name: str) -> dict[str, Published]:
    """Read a ledger by name.

    Raises:
        StudyError: no such ledger, or a line that does not read as one.
    """
    found = search_path.find("reports", f"paper/{name}", suffix=".csv", error=StudyError, what="ledger")
    try:
        with found.path.open(encoding="utf-8", newline="") as file:
            rows = [_published(line) for line in csv.DictReader(file)]
    except (OSError, csv.Error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise StudyError(
            f"cannot read a line: {error}", where=str(found.path), now="keep the columns of the shipped ledgers"
        ) from error
    keys = [row.key for row in rows]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise StudyError(f"key {twice[0]!r} is given twice", where=str(found.path), now="give each line its own key")
    return dict(zip(keys, rows, strict=True))


def _published(line: dict[str, str]) -> Published:
    def number(column: str) -> float | None:
        return float(line[column]) if line[column].strip() else None

    return Published(
        key=line["key"],
        label=line["label"],
        params_m=number("params_m"),
        flops_g=number("flops_g"),
        top1_error_pct=number("top1_error_pct"),
        top5_error_pct=number("top5_error_pct"),
        source=line["source"],
        note=line["note"].strip(),
    )
