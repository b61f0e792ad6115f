"""The published-number ledger: reports/paper/*.csv, a line per printed row, with a note where the paper errs.

Beside the tables stands `counts.csv`: what the networks of the printed rows really count, with its source.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeVar

from an_cli.config import search_path
from an_cli.errors import StudyError

AP = ("ap_bb", "ap_bb50", "ap_bb75", "ap_m", "ap_m50", "ap_m75")  # box and mask AP, over all, 0.5 and 0.75 IoU
TABLES = ("table1", "table2", "table3", "table4", "table5")
_Row = TypeVar("_Row")


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row as printed: parameters in millions, FLOPs in billions, errors in per cent; None: nothing printed.

    Attributes:
        model: key of the network in counts.csv; rows of one model and setup are the same runs.
        not_by_authors: the dagger of Tables 2 and 4: quoted there too.
        ap: box and mask AP of detection rows.
        gain_of, gain_over: keys of the rows that the bracketed gains lie between.
        gains: printed gain by measure (top1, top5, ap_bb, ...).
        printed: cells with brackets, letter by letter, by measure.
        by_run: of a row imported from W&B: epoch ("last", "best") -> measure -> a value for each of its runs.
    """

    key: str
    label: str
    params_m: float | None
    flops_g: float | None
    source: str
    note: str
    top1_error_pct: float | None = None
    top5_error_pct: float | None = None
    architecture: str = ""
    backbone: str = ""
    head: str = ""
    setup: str = ""
    model: str = ""
    not_by_authors: bool = False
    ap: Mapping[str, float] = field(default_factory=dict)
    gain_of: str = ""
    gain_over: str = ""
    gains: Mapping[str, float] = field(default_factory=dict)
    printed: Mapping[str, str] = field(default_factory=dict)
    by_run: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, float]:
        """What is printed, by key of the measure."""
        errors = {"top1_error_pct": self.top1_error_pct, "top5_error_pct": self.top5_error_pct}
        runs = {key: fmean(values) for key, values in self.by_run.get("last", {}).items()}
        return {**{key: value for key, value in errors.items() if value is not None}, **self.ap, **runs}

    @property
    def gains_by_key(self) -> Mapping[str, float]:
        """The printed gains, by key of the measure."""
        return {name if name in AP else f"{name}_error_pct": gain for name, gain in self.gains.items()}


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What a network really counts; None: not worked out.

    Attributes:
        macs: multiply-accumulates of convolutions and fully connected layers, for one image.
        thop_ops: what the counter thop 0.0.22 says of it.
    """

    model: str
    params: int
    macs: int | None
    thop_ops: int | None
    source: str


def read_ledger(name: str) -> dict[str, Published]:
    """Read a ledger by name, for example `table1`.

    Raises:
        StudyError: no such ledger, or a line that does not read as one.
    """
    return _read(f"paper/{name}", _published, lambda row: row.key)


def read_counts() -> dict[str, Counted]:
    """The exact counts of the printed networks, by model key.

    Raises:
        StudyError: a line that does not read as one.
    """
    return _read("paper/counts", _counted, lambda row: row.model)


def _read(name: str, parse: Callable[[dict[str, str]], _Row], key_of: Callable[[_Row], str]) -> dict[str, _Row]:
    path = search_path.find("reports", name, suffix=".csv", error=StudyError, what="ledger")
    try:
        with path.path.open(encoding="utf-8", newline="") as file:
            rows = [parse(line) for line in csv.DictReader(file)]
    except (OSError, csv.Error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise StudyError(
            f"cannot read a line: {error}", where=str(path.path), now="keep the columns of the shipped ledgers"
        ) from error
    keys = [key_of(row) for row in rows]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise StudyError(f"key {twice[0]!r} is given twice", where=str(path.path), now="give each line its own key")
    return dict(zip(keys, rows, strict=True))


def _published(line: dict[str, str]) -> Published:
    def number(column: str) -> float | None:
        return float(line[column]) if line[column].strip() else None

    def words(column: str) -> str:
        return line.get(column, "").strip()

    def several(prefix: str, measures: tuple[str, ...]) -> dict[str, float]:
        return {measure: float(line[prefix + measure]) for measure in measures if words(prefix + measure)}

    return Published(
        key=line["key"],
        label=line["label"],
        params_m=number("params_m"),
        flops_g=number("flops_g"),
        top1_error_pct=number("top1_error_pct"),
        top5_error_pct=number("top5_error_pct"),
        source=line["source"],
        note=line["note"].strip(),
        architecture=words("architecture"),
        backbone=words("backbone"),
        head=words("head"),
        setup=words("setup"),
        model=words("model"),
        not_by_authors=words("not_by_authors") == "yes",
        ap=several("", AP),
        gain_of=words("gain_of"),
        gain_over=words("gain_over"),
        gains=several("gain_", ("top1", "top5", *AP)),
        printed={measure: words(f"{measure}_printed") for measure in ("top1", "top5") if words(f"{measure}_printed")},
    )


def _counted(line: dict[str, str]) -> Counted:
    def whole(column: str) -> int | None:
        return int(line[column]) if line[column] else None

    return Counted(
        model=line["model"],
        params=int(line["params"]),
        macs=whole("macs"),
        thop_ops=whole("thop_ops"),
        source=line["source"],
    )
