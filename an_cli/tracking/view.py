"""A study as a saved report of W&B: its table, and its runs and curves grouped as the dashboard groups them.

A section for each baseline group; in it, runs of one row are one line, whatever their seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from an_cli.config.launching import WandbConfig
from an_cli.config.task import Better, Measure
from an_cli.errors import AnError, TrackerError
from an_cli.files import read_json, write_json
from an_cli.redact import redact
from an_cli.store import Store
from an_cli.tracking.wandb_reader import explained, log_in, quieten, without_prompt

_LONGEST_TITLE = 128  # characters that W&B takes
_WIDTH, _HEIGHT = 12, 8  # of a panel, in W&B's grid of 24 columns


@dataclass(frozen=True, kw_only=True)
class ViewRow:
    """One row of a study.

    Attributes:
        group: its baseline group; empty where the study has one.
        config: dotted key -> value, the seed left out.
    """

    label: str
    group: str
    baseline: bool
    config: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """What is saved of a study.

    Attributes:
        study: its folder's name, which is the first part of its runs' group in W&B.
        measures: of its task, the primary one first.
        table: in Markdown; empty leaves it out.
    """

    study: str
    title: str
    rows: tuple[ViewRow, ...]
    measures: tuple[Measure, ...]
    table: str


def separating_keys(rows: Sequence[ViewRow]) -> tuple[str, ...]:
    """The fewest keys of the config, greedily, by which rows that differ are told apart.

    A key that some rows lack separates them from those that have it: rows without attention have no gate.
    """
    values = {key: [repr(row.config.get(key)) for row in rows] for row in rows for key in row.config}
    different = {key: column for key, column in values.items() if len(set(column)) > 1}
    keys: list[str] = []
    parts = 1
    while different:
        counts = {key: len(set(zip(*(different[name] for name in (*keys, key)), strict=True))) for key in different}
        key = max(counts, key=lambda name: (name not in keys, counts[name], -list(different).index(name)))
        if key in keys or counts[key] == parts:
            break
        keys.append(key)
        parts = counts[key]
    return tuple(keys)


def save_view(view: StudyView, target: WandbConfig, store: Store) -> str:
    """Save a study's report, over the one that was saved before.

    Args:
        view: what to show.
        target: the project; an entity of null is the key's own.
        store: remembers the report's id, in `studies/<study>/.view.json`.

    Returns:
        Its address.

    Raises:
        TrackerError: wandb-workspaces is not installed, no key, no answer.
    """
    quieten()
    wr = _reports()
    where = f"{target.entity or ''}/{target.project}"
    path = store.studies / view.study / ".view.json"
    try:
        with without_prompt():
            entity = target.entity or log_in().default_entity
            where = f"{entity}/{target.project}"
            report = wr.Report(
                entity=entity,
                project=target.project,
                title=redact(view.title)[:_LONGEST_TITLE],
                description=f"{view.study}: made by an-cli from the records of its runs",
                blocks=_blocks(view, entity, target.project),
                width="fluid",
            )
            known = _known(path)
            report.id = known.get(where, "")
            _save(report)
    except AnError:
        raise
    except Exception as error:  # the library raises what it likes: ValueError, pydantic's, the SDK's
        raise explained(error, where) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**known, where: report.id})
    return str(report.url)


def _reports() -> Any:
    """The library, as Any: it exports its names by star."""
    try:
        return import_module("wandb_workspaces.reports.v2")
    except ImportError as error:
        raise TrackerError(
            "a saved view needs wandb-workspaces", where="--report", now="pip install 'an-cli[wandb-report]'"
        ) from error


def _known(path: Any) -> dict[str, str]:
    try:
        return {str(where): str(identifier) for where, identifier in read_json(path).items()}
    except (AnError, AttributeError):
        return {}


def _save(report: Any) -> None:
    """Save over the report of the same id; as a new one where that was deleted."""
    had = report.id
    try:
        report.save()
    except Exception:
        if not had:
            raise
        report.id = ""
        report.save()


def _blocks(view: StudyView, entity: str, project: str) -> list[Any]:
    wr = _reports()
    blocks: list[Any] = [wr.MarkdownBlock(text=redact(view.table))] if view.table else []
    for group in dict.fromkeys(row.group for row in view.rows):
        rows = [row for row in view.rows if row.group == group]
        blocks.append(wr.H2(text=redact(group or view.title)))
        blocks.append(wr.PanelGrid(runsets=[_runset(view, group, rows, entity, project)], panels=_panels(view)))
    return blocks


def _runset(view: StudyView, group: str, rows: Sequence[ViewRow], entity: str, project: str) -> Any:
    wr, expr = _reports(), import_module("wandb_workspaces.expr")
    primary, keys = view.measures[0], separating_keys(rows)
    columns = [
        "run:displayName",
        *(f"summary:{epoch}/{measure.key}" for measure in view.measures for epoch in ("last", "best")),
        *(f"config:{_value_key(key)}" for key in keys),
    ]
    return wr.Runset(
        entity=entity,
        project=project,
        name=group or view.study,
        filters=[
            expr.Metric("Group") == redact(f"{view.study}/{group}" if group else view.study)
        ],  # as mirrors have it
        groupby=[f"config.{key}" for key in keys] or ["group"],  # of a row alone: its seeds
        order=[wr.OrderBy(wr.SummaryMetric(f"last/{primary.key}"), ascending=primary.better is Better.LOWER)],
        visible_columns=columns,
        column_order=columns,
    )


def _value_key(key: str) -> str:
    """A dotted key as W&B stores nested configs: `norm.value.attention.gate`."""
    first, dot, rest = key.partition(".")
    return f"{first}.value{dot}{rest}"


def _panels(view: StudyView) -> list[Any]:
    wr = _reports()
    panels: list[Any] = []
    for measure in view.measures:
        title = f"{measure.title} ({measure.unit})" if measure.unit else measure.title
        panels.append(wr.BarPlot(title=f"{title}, last epoch", metrics=[wr.SummaryMetric(f"last/{measure.key}")]))
        panels.append(wr.LinePlot(title=title, x="epoch", y=[f"eval/{measure.key}"], groupby_rangefunc="minmax"))
    panels.append(wr.LinePlot(title="training loss", x="epoch", y=["train/epoch_loss"]))
    panels.append(wr.LinePlot(title="learning rate", x="Step", y=["train/lr"]))
    for number, panel in enumerate(panels):
        place = {"x": number % 2 * _WIDTH, "y": number // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
        panel.layout = wr.Layout(**place)
    return panels
