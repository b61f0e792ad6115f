"""What a tracker shows of one run, read back by each tracker's own reader into one form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.tracking.kept import INTERNAL, KeptRun
from tests.tracking.wandb_file import read_offline

_SDK = frozenset(("_step", "_runtime", "_timestamp", "_wandb"))


@dataclass(frozen=True)
class Shown:
    """One run as a tracker shows it.

    `state`: running, finished, failed or preempted. `points`: step and values, in the order in which they are kept.
    """

    id: str
    name: str
    group: str
    tags: tuple[str, ...]
    notes: str
    config: Mapping[str, Any]
    points: Sequence[tuple[int, Mapping[str, float]]]
    state: str
    exit_status: int | None
    facts: Mapping[str, Any]
    pictures: frozenset[str] = frozenset()
    job_type: str = "train"
    step_metrics: Mapping[str, str] = field(default_factory=dict)


def _point(row: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    return row["_step"], {key: value for key, value in row.items() if key not in _SDK}


def _is_picture(value: Any) -> bool:
    return isinstance(value, dict) and value.get("_type") == "image-file"


def _facts(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key not in _SDK and not _is_picture(value)}


def _pictures(summary: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(key for key, value in summary.items() if _is_picture(value))


def of_kept(run: KeptRun) -> Shown:
    """A run as the double of the service keeps it, which has not been written over with anything else."""
    assert not run.overwritten, run.overwritten
    metrics = {str(metric.get("1") or metric.get("2")): metric for metric in run.internal.get("m", [])}
    defined = [str(metric.get("1") or metric.get("2")) for metric in run.internal.get("m", [])]
    axes = {name: defined[metric["5"] - 1] for name, metric in metrics.items() if "5" in metric}
    return Shown(
        id=run.id, name=run.name, group=run.group or "", tags=tuple(run.tags), notes=run.notes or "",
        config=run.config, points=[_point(row) for row in run.history], state=run.state, exit_status=run.exit_code,
        facts=_facts(run.summary), pictures=_pictures(run.summary), job_type=run.job_type or "", step_metrics=axes,
    )  # fmt: skip


def of_offline(path: Path) -> Shown:
    """A run as a file for `wandb sync` holds it."""
    run = read_offline(path)
    state = "running"
    if run.end is not None:
        state = "finished" if run.end == 0 else "preempted" if run.preempting else "failed"
    config = {key: value for key, value in run.config.items() if key != INTERNAL}
    return Shown(
        id=run.id, name=run.name, group=run.group, tags=tuple(run.tags), notes=run.notes, config=config,
        points=[_point(row) for row in run.history], state=state, exit_status=run.end, facts=_facts(run.summary),
        pictures=_pictures(run.summary), job_type=run.job_type, step_metrics=run.metrics,
    )  # fmt: skip


def of_events(folder: Path, name: str) -> Shown:
    """A run as TensorBoard's own reader finds it in a folder of event files.

    Args:
        folder: the run's.
        name: of the run, which TensorBoard takes from the folder.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0, "images": 0})
    reader.Reload()
    rows: dict[int, dict[str, float]] = {}
    order: list[tuple[int, str]] = []
    for tag in reader.Tags()["scalars"]:
        for event in reader.Scalars(tag):
            rows.setdefault(event.step, {})[tag] = event.value
            order.append((event.step, tag))
    assert len(set(order)) == len(order), "a number of one step is there twice"
    texts = {tag: json.loads(reader.Tensors(tag)[-1].tensor_proto.string_val[0]) for tag in reader.Tags()["tensors"]}
    about, end = texts["cell"], texts.get("end", {})
    status = end.get("exit_status")
    state = "running" if status is None else "finished" if status == 0 else "failed"
    return Shown(
        id=about["id"], name=name, group=about["group"], tags=tuple(about["tags"]), notes=about["notes"],
        config=about["config"], points=sorted(rows.items()), state="preempted" if end.get("preempted") else state,
        exit_status=status, facts={key: value for key, value in end.items() if key not in ("exit_status", "preempted")},
        pictures=frozenset(reader.Tags()["images"]),
    )  # fmt: skip


def single(values: Mapping[str, float]) -> dict[str, float]:
    """Numbers in single precision, as TensorBoard keeps them."""
    return {key: float(np.float32(value)) for key, value in values.items()}
