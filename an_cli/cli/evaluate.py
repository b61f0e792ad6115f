"""What `evaluate` does: find the weights and the cell they belong to, ask the heavy door, compare with the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from an_cli.cli.answers import measure_value
from an_cli.cli.find_run import find_run
from an_cli.cli.study import split
from an_cli.config import CellConfig, LaunchConfig, compose, plain, read
from an_cli.config.check import check_cell
from an_cli.config.overrides import parse
from an_cli.config.schema import Augment, Data, DataConfig
from an_cli.errors import ConfigError, StoreError
from an_cli.launch import Door, settle
from an_cli.store import RunFolder, RunRecord, Status, Store, measures_of, read_run

_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors")
_NOTHING_DRAWN = "recipe.augment=none"  # an evaluation augments nothing, so the recipe's need not fit the data set


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be evaluated, on what.

    Attributes:
        target: a file, or a run as a user types it.
        words: overrides.
        epoch: "last" or "best" of a run.
        ema: take the moving average of a file.
        out: where to write what was found of every image.
    """

    target: str
    words: tuple[str, ...]
    epoch: str
    ema: bool
    out: Path | None


def ask(question: Question, store: Store) -> dict[str, Any]:
    """Evaluate.

    Returns:
        Errors and loss, where they come from, and what the run's own record says on the same data.

    Raises:
        AnError: no such run or file, words that do not fit, or what the heavy door found.
    """
    launch_words, words = split(question.words)
    file = Path(question.target).expanduser()
    if file.is_file():
        composed = compose([*words, *launch_words, _NOTHING_DRAWN])
        return _answer(question, composed.cell, composed.launch, threads=None, file=file)
    if file.suffix in _WEIGHTS:
        raise StoreError("no such file", where=str(file), now="a file of weights, or a run: an-cli status lists them")
    if question.ema:
        raise ConfigError("a run of ours has no moving average", where="--ema", now="leave it away")
    run = find_run(store, question.target)
    record = read_run(run)
    if record.config is None:
        raise ConfigError("the run's config cannot be read", where=run.id, now=record.error or "an-cli show RUN")
    cell = _on_data(record.config, words)
    own = cell.data == record.config.data
    launch = compose(launch_words).launch
    keeps = own and record.status is Status.IMPORTED
    answer = _answer(question, cell, launch, threads=_threads(record), run=run, keeps=keeps)
    return {**answer, "recorded": _recorded(record, question.epoch) if own else None}


def _threads(record: RunRecord) -> int | None:
    """As the run's own evaluation had: other numbers of threads may give other bits."""
    return record.attempts[-1].cpu_threads if record.attempts else None


def _on_data(config: CellConfig, words: Sequence[str]) -> CellConfig:
    """A run's cell, to be evaluated on what the words say.

    Raises:
        ConfigError: a word of anything but the data, or data that the network cannot take.
    """
    data = plain(config.data)
    for word in map(parse, words):
        group, _, key = word.key.partition(".")
        if group != "data":
            raise ConfigError(f"{word.text!r}: a run's network is fixed", where=word.key, now="override data.KEY")
        if not key:
            data = plain(compose([word.text, _NOTHING_DRAWN]).cell.data)
            continue
        data = {**data, key: word.value}
    recipe = dataclasses.replace(config.recipe, augment=Augment.NONE)
    chosen = read(cast("type[DataConfig]", Data), data, where="data")
    cell = check_cell(dataclasses.replace(config, data=chosen, recipe=recipe))
    for key in ("classes", "channels"):
        if getattr(cell.data, key) != (own := getattr(config.data, key)):
            raise ConfigError(
                f"{getattr(cell.data, key)} {key}, the network has {own}", where=f"data.{key}", now="choose other data"
            )
    return cell


def _answer(
    question: Question,
    cell: CellConfig,
    launch: LaunchConfig,
    *,
    threads: int | None,
    run: RunFolder | None = None,
    file: Path | None = None,
    keeps: bool = False,
) -> dict[str, Any]:
    request: Mapping[str, object] = {
        "config": plain(cell),
        "launch": plain(settle(launch)),
        "threads": cell.recipe.cpu_threads or threads or 1,
        "run": str(run.path) if run else None,
        "file": str(file.resolve()) if file else None,
        "epoch": question.epoch,
        "ema": question.ema,
        "out": str(question.out.expanduser().resolve()) if question.out else None,
        "record": keeps,
    }
    answer = Door().ask_about("evaluate", request)
    measures = [measure_value(measure) for measure in measures_of(cell).all]
    return {"target": question.target, **answer, "measures": measures, "out": request["out"]}


def _recorded(record: RunRecord, epoch: str) -> dict[str, Any] | None:
    """What the run's result says of these weights."""
    if record.result is None:
        return None
    evaluation: dict[str, Any] = plain(record.result.best if epoch == "best" else record.result.last)
    return evaluation
