"""What `sync STUDY --report` saves in W&B: a study's rows, their configs and its table, from plan and records."""

from __future__ import annotations

from collections.abc import Sequence

from an_cli.cli.report import asked_table
from an_cli.cli.study import Asked, ask_study
from an_cli.config import LaunchConfig, leaves, plain
from an_cli.config.launching import Tracking, WandbMode
from an_cli.errors import ConfigError
from an_cli.plan import Plan
from an_cli.report import render
from an_cli.store import Store
from an_cli.store.measures import measures_of_all
from an_cli.tracking.view import StudyView, ViewRow, save_view


def save_study(words: Sequence[str], launch: LaunchConfig, store: Store) -> str:
    """Save the report of the one study that is named.

    Args:
        words: of the command line, without `launch.` words.
        launch: where its runs are shown.
        store: where they are.

    Returns:
        The report's address.

    Raises:
        ConfigError: several studies or none, or a tracker that keeps no reports.
        StudyError: no such study.
        TrackerError: see `save_view`.
    """
    if len(words) != 1:
        raise ConfigError(f"{len(words)} names stand there", where="--report", now="name one study")
    if launch.tracking is not Tracking.WANDB or launch.wandb is None or launch.wandb.mode is WandbMode.OFFLINE:
        raise ConfigError("only W&B online keeps a report", where="--report", now="launch.tracking=wandb, online")
    return save_view(study_view(ask_study(words[0], [], store), store), launch.wandb, store)


def study_view(asked: Asked, store: Store) -> StudyView:
    """A study as it is saved."""
    plan = asked.plan
    return StudyView(
        study=plan.folder,
        title=plan.title,
        rows=_rows(plan),
        measures=measures_of_all(cell.config for cell in plan.cells).all,
        table=render(asked_table(asked, store), "markdown"),
    )


def _rows(plan: Plan) -> tuple[ViewRow, ...]:
    rows = []
    for row in plan.rows:
        if row.cells:
            config = leaves(plain(plan.cell(row.cells[0]).config))
            own = {key: value for key, value in config.items() if key != "seed"}
            rows.append(ViewRow(label=row.label, group=row.group, baseline=row.baseline, config=own))
    return tuple(rows)
