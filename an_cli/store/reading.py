"""Reading run folders back. Nothing here writes, and one damaged folder never hides the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from an_cli.config import CellConfig, read, read_cell_quickly
from an_cli.errors import AnError, StoreError
from an_cli.files import JsonDecoder, json_object, read_json, read_json_lines, read_lines, read_whole
from an_cli.store.claims import Life, life, newest_claim, read_holder
from an_cli.store.endings import Ending
from an_cli.store.folder import RunFolder, Store
from an_cli.store.measures import measures_of
from an_cli.store.per_sample import PerSample, decode
from an_cli.store.records import Attempt, Imported, Progress, Result, RunRecord, Status

_TAIL = 4096  # bytes of a metrics file's end that are read for its newest lines
# What an epoch's line of metrics holds besides the task's measures.
_EPOCH_KEYS = frozenset(("kind", "epoch", "epochs", "step", "steps", "elapsed_s", "loss", "lr", "eval_loss"))


def status_of(run: RunFolder) -> Status:
    """State of a run, from its result, file names and the holder of its claim."""
    if is_finished(run):
        return Status.FINISHED
    damaged = run.result.exists()
    if not run.cell.exists():
        return Status.UNREADABLE if run.path.exists() else Status.MISSING
    try:
        if not newest_claim(run):
            return Status.UNREADABLE if damaged else Status.WAITING
    except OSError:
        return Status.UNKNOWN
    alive = life(run)
    if alive is Life.ALIVE:
        return Status.RUNNING
    if alive is Life.UNKNOWN:
        return Status.UNKNOWN
    if run.imported.exists():
        return Status.IMPORTED
    if run.error.exists():
        return Status.FAILED
    if damaged:
        return Status.UNREADABLE
    return Status.PAUSED if _is_paused(run) else Status.INTERRUPTED


def _is_paused(run: RunFolder) -> bool:
    """Whether the last attempt ended where its launch had told it to, before the schedule's end."""
    holder = read_holder(run)
    return holder is not None and Ending.of(holder.left) is Ending.PAUSED


def is_finished(run: RunFolder) -> bool:
    """Whether a run has a result that can be read; one that is damaged is none, and the run is to be continued."""
    path = os.fspath(run.result)
    try:
        _read_result(path, run.id, *_version(path))
    except (OSError, StoreError):
        return False
    return True


def _version(path: str) -> tuple[int, int, int]:
    now = os.stat(path)
    return now.st_ino, now.st_size, now.st_mtime_ns


def read_config(run: RunFolder) -> CellConfig:
    """The config of a run, through the same strict reader that reads a composed one.

    Raises:
        StoreError: `cell.json` is missing, damaged or of a version whose keys differ.
    """
    return _config_and_choices(run)[0]


def _config_and_choices(run: RunFolder) -> tuple[CellConfig, Mapping[str, str]]:
    quickly = read_cell_quickly(read_lines(run.cell))
    if quickly is not None:
        return quickly
    cell = read_json(run.cell)
    if not isinstance(cell, dict):
        raise StoreError("cell.json does not hold an object", where=run.id, now="restore it or remove the run folder")
    recorded = cell.get("choices")
    choices = {str(key): str(value) for key, value in recorded.items()} if isinstance(recorded, dict) else {}
    return read(CellConfig, cell.get("config"), where=f"{run.id}/cell.json", error=StoreError), choices


def read_result(run: RunFolder) -> Result:
    """The numbers of a finished run.

    Raises:
        StoreError: `result.json` is missing or damaged.
    """
    path = os.fspath(run.result)
    try:
        version = _version(path)
    except OSError as error:
        raise StoreError(f"cannot read result.json: {error.strerror}", where=run.id) from error
    return _read_result(path, run.id, *version)


@lru_cache(maxsize=20_000)
def _read_result(path: str, run_id: str, *version: int) -> Result:
    """Remembered as long as the file is the same: a state is asked more often than it changes."""
    return read(Result, read_json(Path(path)), where=f"{run_id}/result.json", error=StoreError)


def read_imported(run: RunFolder) -> Imported:
    """Where imported weights come from.

    Raises:
        StoreError: `imported.json` is missing or damaged.
    """
    return read(Imported, read_json(run.imported), where=f"{run.id}/imported.json", error=StoreError)


def read_per_sample(run: RunFolder) -> PerSample:
    """Per-sample evidence of a finished run.

    Raises:
        StoreError: `correct.bin` is missing or damaged.
    """
    try:
        raw = read_whole(run.per_sample)
    except OSError as error:
        raise StoreError(f"cannot read correct.bin: {error.strerror}", where=run.id) from error
    return decode(raw, where=run.id)


def read_run(run: RunFolder) -> RunRecord:
    """All of a run that can be read; what cannot is said in `error`, with status `unreadable`."""
    record = _head(run)
    try:
        lines, torn = read_json_lines(run.metrics)
    except AnError as problem:
        return replace(record, status=Status.UNREADABLE, error=str(problem))
    epochs = tuple(line for line in lines if line.get("kind") == "epoch")
    return replace(record, epochs=epochs, skipped_lines=record.skipped_lines + torn)


def read_run_and_count(run: RunFolder) -> tuple[RunRecord, int]:
    """A run without its epochs, and how many there are: all that a frame of thousands of runs needs of the metrics.

    Every line is still decoded, so that a damaged one is counted as `read_run` counts it.
    """
    record = _head(run)
    try:
        epochs, torn = _count_epochs(read_lines(run.metrics))
    except AnError as problem:
        return replace(record, status=Status.UNREADABLE, error=str(problem)), 0
    return replace(record, skipped_lines=record.skipped_lines + torn), epochs


class _Kind(TypedDict, total=False):
    """What is kept of a line of metrics that is only counted."""

    kind: Any


_KINDS = JsonDecoder(_Kind)


def _count_epochs(raw: bytes) -> tuple[int, int]:
    with suppress(ValueError, RecursionError):
        lines = _KINDS.decode_lines(raw)
        if len(lines) == raw.count(b"\n"):  # a line each, the last one complete
            return sum(line.get("kind") == "epoch" for line in lines), 0
    parsed = [json_object(line) for line in raw.split(b"\n") if line.strip()]
    return sum(line is not None and line.get("kind") == "epoch" for line in parsed), parsed.count(None)


def _head(run: RunFolder) -> RunRecord:
    """Everything but the metrics."""
    status, config, result, imported, error = status_of(run), None, None, None, None
    choices: Mapping[str, str] = {}
    attempts: tuple[Attempt, ...] = ()
    lost = 0
    try:
        if status not in (Status.MISSING, Status.UNREADABLE) or run.cell.exists():
            config, choices = _config_and_choices(run)
        if status is Status.FINISHED or (status is Status.UNREADABLE and run.result.exists()):
            result = _measured(read_result(run), config, run)
        imported = read_imported(run) if status is Status.IMPORTED else None
    except AnError as problem:
        status, error = Status.UNREADABLE, str(problem)
    if status is Status.FAILED:
        error = _error_text(run) or "failed without a message"
    try:
        attempts, lost = _attempts(run)
    except AnError as problem:
        status, error = Status.UNREADABLE, str(problem)
    return RunRecord(
        id=run.id,
        status=status,
        config=config,
        choices=choices,
        attempts=attempts,
        epochs=(),
        result=result,
        error=error,
        skipped_lines=lost,
        imported=imported,
    )


def _measured(result: Result, config: CellConfig | None, run: RunFolder) -> Result:
    """The result, where it holds every measure of the run's task."""
    if config is not None:
        for evaluation in (result.last, result.best):
            for key in measures_of(config).keys:
                if key not in evaluation.values:
                    raise StoreError(f"result.json has no {key}", where=run.id, now="remove it: the run is continued")
    return result


def error_line(run: RunFolder) -> str:
    """The first line of `error.txt`: why the run failed; empty where it says nothing."""
    return _error_text(run).partition("\n")[0]


def _error_text(run: RunFolder) -> str:
    try:
        return run.error.read_text(errors="backslashreplace").strip()
    except FileNotFoundError:
        return ""
    except OSError as problem:
        return f"error.txt cannot be read: {problem.strerror}"


def _attempts(run: RunFolder) -> tuple[tuple[Attempt, ...], int]:
    lines, skipped = read_json_lines(run.attempts)
    attempts = []
    for line in lines:
        try:
            attempts.append(read(Attempt, line, error=StoreError))
        except StoreError:
            skipped += 1
    return tuple(attempts), skipped


def read_runs(store: Store, ids: Iterable[str]) -> list[RunRecord]:
    """Records of the named runs, in the order given; a run without a folder has status `missing`."""
    return [read_run(store.run(run_id)) for run_id in ids]


def read_progress(run: RunFolder) -> Progress | None:
    """How far a run is, from the end of its metrics; None before the first line."""
    newest: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for raw in reversed(_tail(run).split(b"\n")):
        if newest and b':"epoch"' not in raw:  # only a line of that kind holds measures
            continue
        line = json_object(raw)
        if line is None or "step" not in line:
            continue
        newest = newest or line
        if line.get("kind") == "epoch":
            values = {key: value for key, value in line.items() if key not in _EPOCH_KEYS and type(value) is float}
            break
    keys = ("epoch", "epochs", "step", "steps", "loss", "elapsed_s")
    try:
        return read(Progress, {"values": values, **{key: newest.get(key) for key in keys}}, error=StoreError)
    except StoreError:
        return None


def _tail(run: RunFolder) -> bytes:
    try:
        descriptor = os.open(run.metrics, os.O_RDONLY)
        try:
            return os.pread(descriptor, _TAIL, max(0, os.fstat(descriptor).st_size - _TAIL))
        finally:
            os.close(descriptor)
    except OSError:
        return b""
