"""A run's records as a tracker takes them: its head, its points, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from an_cli.config import LaunchConfig, plain, read
from an_cli.errors import AnError, StoreError
from an_cli.files import read_json
from an_cli.redact import redact
from an_cli.store import (
    Holder,
    RunFolder,
    RunRecord,
    Status,
    Store,
    read_holder,
    read_run,
)
from an_cli.store.endings import Ending
from an_cli.store.labels import labels_of
from an_cli.store.study_rows import StudyRow, read_study_rows
from an_cli.tracking.pictures import mixture_pictures
from an_cli.tracking.tracker import Finish, MetricsPoint, RunHead

_NOT_MEASURES = frozenset(("kind", "epoch", "epochs", "step", "steps", "elapsed_s", "loss", "lr", "eval_loss"))
_LONGEST_TAG = 64


def head_of(run: RunFolder, launch: LaunchConfig | None, study: str = "") -> RunHead:
    """What is shown of a run before its numbers, without a secret in it.

    Args:
        run: its folder.
        launch: its launch settings, for tags and notes.
        study: as whose row to show it; empty: the study that it goes by.

    Raises:
        StoreError: `cell.json` does not read.
    """
    cell = read_json(run.cell)
    config = cell.get("config") if isinstance(cell, dict) else None
    if not isinstance(config, dict):
        raise StoreError("cell.json holds no config", where=run.id, now="restore it or remove the run folder")
    store = Store(run.path.parent.parent)
    label = _label(store, run, study)
    study, _, name = label.partition("/")
    row = read_study_rows(store, study).get(run.id, StudyRow()) if study else StudyRow()
    own = launch.wandb if launch else None
    tags = (*row.varies, *(("baseline",) if row.baseline else ()), *(own.tags if own else ()))
    return RunHead(
        id=run.id,
        name=redact(name or run.id),
        study=redact(study),
        group=redact(f"{study}/{row.group}" if row.group else study),
        tags=tuple(dict.fromkeys(redact(tag)[:_LONGEST_TAG] for tag in tags)),
        notes=redact((own.notes if own else None) or ""),
        config=_without_secrets(config),
    )


def _label(store: Store, run: RunFolder, study: str) -> str:
    labels = labels_of(store).get(run.id, [])
    own = [label for label in labels if label.partition("/")[0] == study]
    return (own or labels)[0] if labels else ""


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value


class Points:
    """Lines of metrics become points: a step's and an epoch's line of the same step are one.

    A step's line at the end of an epoch waits for that epoch's line, which an interruption may delay to another
    attempt: a tracker takes each step once.
    """

    def __init__(self, images_per_step: int) -> None:
        """`images_per_step`: of all replicas, for the speed."""
        self._images = images_per_step
        self._open: dict[str, float] = {}
        self._step = -1
        self._clock: tuple[int, float, int] | None = None  # step, seconds, epoch of the step line before

    def feed(self, lines: Iterable[Mapping[str, Any]]) -> list[MetricsPoint]:
        """Points that are whole now."""
        points = []
        for line in lines:
            step = int(line["step"])
            if self._open and step != self._step:
                points.append(self._close())
            self._step = step
            epoch_steps = int(line.get("steps", 0)) // max(1, int(line.get("epochs", 1)))
            is_epoch = line.get("kind") == "epoch"
            self._open |= self._epoch_values(line) if is_epoch else self._step_values(line)
            self._open["epoch"] = step / max(1, epoch_steps)
            if is_epoch or not epoch_steps or step % epoch_steps:
                points.append(self._close())
        return points

    def _close(self) -> MetricsPoint:
        point, self._open = MetricsPoint(self._step, self._open), {}
        return point

    def _epoch_values(self, line: Mapping[str, Any]) -> dict[str, float]:
        named = {"train/epoch_loss": line.get("loss"), "train/lr": line.get("lr"), "eval/loss": line.get("eval_loss")}
        measures = {f"eval/{key}": value for key, value in line.items() if key not in _NOT_MEASURES}
        return _numbers({**named, **measures})

    def _step_values(self, line: Mapping[str, Any]) -> dict[str, float]:
        values = {"train/loss": line.get("loss"), "train/lr": line.get("lr")}
        step, seconds, epoch = int(line["step"]), line.get("elapsed_s"), line.get("epoch")
        if isinstance(seconds, float) and isinstance(epoch, int):
            if self._clock and self._clock[2] == epoch and seconds > self._clock[1]:  # an evaluation is no training
                values["train/images_per_s"] = self._images * (step - self._clock[0]) / (seconds - self._clock[1])
            self._clock = step, seconds, epoch
        return _numbers(values)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in values.items() if isinstance(value, int | float)}


def images_per_step(config: Mapping[str, Any]) -> int:
    """Images that one step of training sees, by a config as `cell.json` holds it."""
    recipe = config.get("recipe", {})
    return int(recipe.get("replicas", 1)) * int(recipe.get("batch_per_replica", 1))


def finish_of(run: RunFolder, launch: LaunchConfig | None) -> Finish:
    """How a run stands now."""
    record, holder = read_run(run), read_holder(run)
    left = holder.left if holder else ""
    facts = _facts(record, holder)
    if record.result is not None:
        artifacts = launch is None or launch.wandb is None or launch.wandb.artifacts
        files = (run.result, run.per_sample, run.mixture) if artifacts else ()
        kept = tuple(path for path in files if path.is_file())
        pictures = mixture_pictures(run.mixture)
        return Finish(over=True, exit_status=0, preempted=False, facts=facts, pictures=pictures, files=kept)
    if record.status.is_going or record.status is Status.WAITING:
        return Finish(over=False, exit_status=0, preempted=False, facts=facts)
    if Ending.of(left) is Ending.STOPPED:
        return Finish(over=True, exit_status=128 + _signal(left), preempted=True, facts=facts)
    if record.status is Status.PAUSED:  # it did what its launch told it to, and its search may not continue it
        return Finish(over=True, exit_status=0, preempted=False, facts={**facts, "cause": left})
    cause = redact((record.error or "").partition("\n")[0] or left or "its process is gone")
    return Finish(over=True, exit_status=1, preempted=False, facts={**facts, "cause": cause})


def _signal(left: str) -> int:
    """The signal that a claim's last word names; SIGTERM where it names none."""
    last = left.rpartition(" ")[2]
    return int(last) if last.isdigit() else 15


def _facts(record: RunRecord, holder: Holder | None) -> dict[str, float | int | str]:
    facts: dict[str, float | int | str] = {"attempts": len(record.attempts)}
    if record.attempts:
        newest = record.attempts[-1]
        facts |= {"device": newest.device, "code": newest.code_tree, "commit": newest.commit or ""}
        if holder and holder.job:
            facts |= {"slurm_job": holder.job, "node": newest.host}
    if record.result is not None:
        for epoch in ("last", "best"):
            evaluation = plain(getattr(record.result, epoch))
            facts |= {f"{epoch}/{key}": value for key, value in evaluation.items() if isinstance(value, int | float)}
        facts |= {"params": record.result.params, "macs": record.result.macs, "train_s": record.result.train_s}
    return facts


def launch_of(run: RunFolder) -> LaunchConfig | None:
    """How a run was last started; None where nobody has written it, or it does not read."""
    try:
        return read(LaunchConfig, read_json(run.job).get("launch"), where=f"{run.id}/job.json", error=StoreError)
    except (AnError, AttributeError):
        return None
