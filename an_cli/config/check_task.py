"""What the types cannot say of a task of the user's own: the measures that it declares."""

from __future__ import annotations

import re
from collections.abc import Iterator

from an_cli.config.check_parts import Misfit, plain_values
from an_cli.config.task import Measure, PluginTaskConfig, Summary

_KEY = re.compile(r"[a-z][a-z0-9_]*")
# Keys that stand beside the measures in an evaluation, in a line of metrics, or as a column of a table.
_TAKEN = frozenset(
    (
        *("epoch", "epochs", "step", "steps", "samples", "loss", "eval_loss", "lr", "elapsed_s", "kind", "attempt"),
        *("status", "label", "seed", "seeds", "id", "params", "macs", "train_s", "gain", "differs", "paper"),
        *("design", "architecture", "backbone", "head"),
    )
)
_MOST_DECIMALS = 6


def task_misfits(task: PluginTaskConfig) -> Iterator[Misfit]:
    """Misfits of a task's parameters and measures."""
    yield from plain_values(task.parameters, "task.parameters")
    if not task.measures:
        yield "task.measures", "no measure", "declare at least one; the first decides which epoch is the best"
    keys = [measure.key for measure in task.measures]
    for index, measure in enumerate(task.measures):
        where = f"task.measures[{index}]"
        if keys.count(measure.key) > 1:
            yield f"{where}.key", f"{measure.key!r} is declared twice", "give each measure a key of its own"
        yield from _measure(measure, where)
    numbers = {measure.evidence.summary is not Summary.ERROR_PCT for measure in task.measures if measure.evidence}
    if len(numbers) > 1:
        yield "task.measures", "evidence of bits beside evidence of numbers", "a task's evidence is all of one kind"


def _measure(measure: Measure, where: str) -> Iterator[Misfit]:
    if not _KEY.fullmatch(measure.key):
        yield f"{where}.key", repr(measure.key), "write small letters, digits and _, a letter first"
    if measure.key in _TAKEN:
        yield f"{where}.key", f"{measure.key!r} stands in the records already", "choose another key"
    if not 0 <= measure.decimals <= _MOST_DECIMALS:
        yield f"{where}.decimals", f"{measure.decimals} decimals", f"write 0 to {_MOST_DECIMALS}"
    if not measure.title.strip():
        yield f"{where}.title", "an empty title", "write how a table calls it"
    if measure.evidence is not None and not _KEY.fullmatch(measure.evidence.plane):
        yield f"{where}.evidence.plane", repr(measure.evidence.plane), "write small letters, digits and _"
