"""Every cell of a study, made tiny, is trained, stopped, resumed and evaluated before the first GPU hour is spent."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from an_cli.config import CellConfig, LaunchConfig
from an_cli.config.schema import Augment, DataConfig, DataSource
from an_cli.launch.ask.door import Door
from an_cli.launch.ask.spending import remember_smoke
from an_cli.launch.prepare import prepare_run
from an_cli.plan import Cell
from an_cli.store import Store

STEPS, BATCH, EPOCHS = 2, 4, 2
_EVALUATED = 8  # samples


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """What came of one cell; `error` is empty where all went well."""

    cell: Cell
    seconds: float
    error: str


def make_tiny(config: CellConfig) -> CellConfig:
    """A cell of two epochs of two steps, on made-up samples of the same shape; network, norm and recipe as they are."""
    batch = min(config.recipe.batch_per_replica, BATCH)
    augment = Augment.SHIFT_FLIP if config.recipe.augment is Augment.RESIZED_CROP else config.recipe.augment
    recipe = replace(
        config.recipe,
        epochs=EPOCHS,
        warmup_epochs=min(config.recipe.warmup_epochs, EPOCHS - 1),
        batch_per_replica=batch,
        augment=augment,
    )
    shape = {key.name: getattr(config.data, key.name) for key in fields(DataConfig)}  # a user's own data set has more
    made_up = {"source": DataSource.SYNTHETIC, "folder": None, "resize": None, "eval_samples": _EVALUATED}
    data = DataConfig(**{**shape, **made_up, "train_samples": STEPS * batch * config.recipe.replicas})
    return replace(config, recipe=recipe, data=data)


def smoke(cells: Sequence[Cell], launch: LaunchConfig, store: Store, door: Door | None = None) -> list[Smoke]:
    """Try every cell, each in a process of its own.

    Args:
        cells: of a plan.
        launch: settled.
        store: beside which the tiny runs are made, and removed again where all went well.
        door: how the heavy door is started.

    Raises:
        LaunchError: the heavy door failed.
    """
    place = Store(store.root / ".an-cli" / "smoke")
    shutil.rmtree(place.root, ignore_errors=True)
    quiet = replace(launch, loader_workers=0)
    runs = {cell.id: prepare_run(make_tiny(cell.config), cell.choices, quiet, place) for cell in cells}
    paths = {str(run.path): run for run in runs.values()}  # cells that differ in what was made tiny share one
    answers = (door or Door()).ask("smoke", [{"run": path} for path in paths])
    by_run = {answer["run"]: answer for answer in answers}
    results = [
        Smoke(cell=cell, seconds=answer["seconds"], error=answer["error"] or "")
        for cell in cells
        if (answer := by_run.get(str(runs[cell.id].path))) is not None
    ]
    remember_smoke(place, store)
    if len(results) == len(cells) and not any(result.error for result in results):
        shutil.rmtree(place.root, ignore_errors=True)
    return results
