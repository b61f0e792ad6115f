"""What a tracker shows of a run beside what its folder holds, read without the code that mirrors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from an_cli.store import RunFolder
from tests.tracking.shown import Shown, single

_NAMES = {"step": {"loss": "train/loss"}, "epoch": {"loss": "train/epoch_loss", "eval_loss": "eval/loss"}}
_ABOUT = frozenset(("kind", "epoch", "epochs", "step", "steps", "elapsed_s"))
SPEED = "train/images_per_s"  # made of two lines' times, not recorded


def recorded_points(run: RunFolder) -> dict[int, dict[str, float]]:
    """Step -> values under the names that docs/tracking.md gives them, from `metrics.jsonl`."""
    points: dict[int, dict[str, float]] = {}
    for text in run.metrics.read_text().splitlines():
        line = json.loads(text)
        values = points.setdefault(line["step"], {"epoch": line["step"] * line["epochs"] / line["steps"]})
        for key, value in line.items():
            if key not in _ABOUT:
                values[_NAMES[line["kind"]].get(key, "train/lr" if key == "lr" else f"eval/{key}")] = value
    return dict(sorted(points.items()))


def differences(run: RunFolder, shown: Shown, *, study: str, label: str, in_single: bool = False) -> Iterator[str]:
    """What a tracker shows otherwise than the folder of a finished run has it.

    Args:
        run: the folder.
        shown: what the tracker shows.
        study: whose row it is.
        label: of the row.
        in_single: the tracker keeps scalars in single precision.
    """
    result: Mapping[str, Any] = json.loads(run.result.read_text())
    keeps: Callable[[Mapping[str, float]], dict[str, float]] = single if in_single else dict
    if shown.config != json.loads(run.cell.read_text())["config"]:
        yield "config"
    if (shown.id, shown.name, shown.group) != (run.id, label, study):
        yield f"head: {(shown.id, shown.name, shown.group)}, not {(run.id, label, study)}"
    if (shown.state, shown.exit_status) != ("finished", 0):
        yield f"state {shown.state}, exit {shown.exit_status}"
    wanted = [(step, keeps(values)) for step, values in recorded_points(run).items()]
    bare = [(step, {key: value for key, value in values.items() if key != SPEED}) for step, values in shown.points]
    if bare != wanted:
        steps, own = [step for step, _ in bare], [step for step, _ in wanted]
        yield f"points: steps {steps} beside {own}" if steps != own else f"points: {_first(bare, wanted)}"
    if not any(values.get(SPEED, 0) > 0 for _, values in shown.points):
        yield "no speed"
    facts = {f"{which}/{key}": value for which in ("last", "best") for key, value in _flat(result[which])}
    facts |= {key: result[key] for key in ("params", "macs", "train_s")}
    if odd := {key: (shown.facts.get(key), value) for key, value in facts.items() if shown.facts.get(key) != value}:
        yield f"facts: {odd}"
    if shown.pictures != {"mixture/gamma", "mixture/beta", "mixture/lambda_mean"}:
        yield f"pictures: {sorted(shown.pictures)}"


def _flat(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in evaluation.items():
        if isinstance(value, dict):
            yield from _flat(value)
        elif isinstance(value, int | float):
            yield key, value


def _first(bare: list[Any], wanted: list[Any]) -> str:
    return next(f"{one} beside {other}" for one, other in zip(bare, wanted, strict=True) if one != other)
