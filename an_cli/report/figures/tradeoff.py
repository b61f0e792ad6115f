"""Figure 1 as values: the primary measure against parameters or MACs, from a study's table.

Or any measure against any column that holds numbers: a setting that the study varies, training time, another measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from an_cli.config import CellConfig
from an_cli.config.schema import AttentionConfig, PluginNormConfig, SqueezeExciteConfig
from an_cli.config.task import Measure
from an_cli.errors import ReportError
from an_cli.plan import Plan, PlanRow
from an_cli.report.table import Mark, Table, TableRow

# How a label says what normalizes: "ResNet-50-BN", "ResNet-50-AN (w/ BN)"; the first such word counts.
_METHOD = re.compile(r"(?<![A-Za-z])(AN|BN|GN|SN|SE)(?![A-Za-z])")


class Axis(StrEnum):
    """The sizes that the paper sets error against; their axis is logarithmic and has a unit."""

    PARAMS = "params"
    MACS = "macs"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One network.

    Attributes:
        label: the row's.
        group: rows that are compared with each other share it.
        family: networks of a family are joined, by method.
        method: AN, BN, GN, SN or SE.
        x: parameters, MACs of one image, or the number in the column that was asked for.
        value: of the measure (mean over seeds).
        spread: standard deviation over seeds; None below two.
        quoted: whether the numbers were printed elsewhere and not measured here.
    """

    label: str
    group: str
    family: str
    method: str
    x: float
    value: float
    spread: float | None
    quoted: bool


@dataclass(frozen=True, kw_only=True)
class Tradeoff:
    """Figure 1.

    Attributes:
        title: of the figure.
        axis: a size, or the column that the measure is set against.
        across: the title of that column.
        measure: what is set against it.
        missing: the rows that have no point, and why.
    """

    title: str
    axis: str
    across: str
    measure: Measure
    points: tuple[Point, ...]
    missing: tuple[str, ...]


def tradeoff(
    plan: Plan, table: Table, axis: str, *, measure: Measure | None = None, published: bool = False
) -> Tradeoff:
    """Points of a study.

    Args:
        plan: the study's rows and cells.
        table: its table, with the columns that are asked for.
        axis: what the measure is set against: a size, or another column that holds numbers.
        measure: None is the primary one of the study's tasks.
        published: add what the paper printed for rows that the study trains; it printed sizes only.

    Raises:
        ReportError: no row has both numbers.
    """
    rows, primary = {row.label: row for row in table.rows}, measure or table.measures.primary
    across = next((column.title for column in table.columns if column.measure == axis), axis)
    family = _families(plan)
    points, missing = [], []
    for row in plan.rows:
        reason = _without(rows[row.label], axis, primary.key)
        if reason:
            missing.append(f"{row.label}: {reason}")
        else:
            points.append(_measured(row, rows[row.label], primary.key, axis, family[row.group], _method(plan, row)))
        if published and not row.is_quoted and axis in list(Axis):
            points += _printed(row, primary.key, axis, family[row.group], _method(plan, row))
    if not points:
        raise _none(plan, rows.values(), axis, primary)
    return Tradeoff(
        title=table.caption, axis=axis, across=across, measure=primary, points=tuple(points), missing=tuple(missing)
    )


def _none(plan: Plan, rows: Iterable[TableRow], axis: str, measure: Measure) -> ReportError:
    if any(row.cell(measure.key).value is not None for row in rows):
        what = f"{axis} holds no number in any row that has {measure.title}"
        return ReportError(what, where="--against", now="name a column of numbers: params, macs, recipe.lr, train_s")
    what = f"no row has both {measure.title} and a size"
    return ReportError(what, where=plan.study, now=f"run it: an-cli ablate {plan.study}")


def _families(plan: Plan) -> Mapping[str, str]:
    """Group -> family of its first trained row; a group that is only quoted is its own family."""
    families: dict[str, str] = {}
    for row in plan.rows:
        if row.cells:
            families.setdefault(row.group, str(plan.cell(row.cells[0]).config.model.family))
    return {row.group: families.get(row.group, row.group) for row in plan.rows}


def _method(plan: Plan, row: PlanRow) -> str:
    if row.cells:
        return method_of(plan.cell(row.cells[0]).config)
    match = _METHOD.search(row.label)
    return match[1] if match else "other"


def method_of(config: CellConfig) -> str:
    """AN, SE, or what standardizes, in capitals; a norm of the user's own by its name."""
    if isinstance(config.norm, PluginNormConfig):
        return config.norm.entry_point
    match config.norm.attention:
        case AttentionConfig():
            return "AN"
        case SqueezeExciteConfig():
            return "SE"
        case None:
            return str(config.norm.standardize).upper()


def _without(row: TableRow, axis: str, measure: str) -> str:
    """Why a row has no point; empty for one that has."""
    if row.cell(measure).value is None:
        return "no number yet" if row.status != "literature" else "no number printed"
    return "" if _number(row, axis) is not None else f"{axis} {_word(row, axis)}"


def _number(row: TableRow, axis: str) -> float | None:
    """What a row has in a column, where that is a number: a setting, or a mean over seeds."""
    setting = row.config.get(axis)
    if isinstance(setting, int | float) and not isinstance(setting, bool):
        return float(setting)
    return None if axis in row.config else row.cell(axis).value


def _word(row: TableRow, axis: str) -> str:
    return f"is {row.config[axis]}, no number" if row.config.get(axis) is not None else "not known"


def _measured(row: PlanRow, table_row: TableRow, measure: str, axis: str, family: str, method: str) -> Point:
    cell, x = table_row.cell(measure), _number(table_row, axis)
    assert cell.value is not None
    assert x is not None
    return Point(
        label=row.label,
        group=row.group,
        family=family,
        method=method,
        x=x,
        value=cell.value,
        spread=cell.spread,
        quoted=Mark.LITERATURE in table_row.marks,
    )


def _printed(row: PlanRow, measure: str, axis: str, family: str, method: str) -> Iterator[Point]:
    published = row.published
    if published is None or measure not in published.values:
        return
    size = published.params_m if axis is Axis.PARAMS else published.flops_g
    if size is not None:
        scale = 1e6 if axis is Axis.PARAMS else 1e9
        yield Point(
            label=row.label,
            group=row.group,
            family=family,
            method=method,
            x=size * scale,
            value=published.values[measure],
            spread=None,
            quoted=True,
        )
