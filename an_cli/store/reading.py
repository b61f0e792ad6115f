"""Reading run folders back. Nothing here writes, and one damaged folder never hides the others."""

from __future__ import annotations

from collections.abc import Iterable

from an_cli.config import CellConfig, read
from an_cli.errors import AnError, StoreError
from an_cli.files import json_object, read_json, read_json_lines
from an_cli.store.claims import Life, life, newest_claim
from an_cli.store.correct import Correct, decode
from an_cli.store.folder import RunFolder, Store
from an_cli.store.records import Attempt, Progress, Result, RunRecord, Status

_TAIL = 4096  # bytes of a metrics file's end that are read for its newest lines


def status_of(run: RunFolder) -> Status:
    """State of a run, from file names and the holder of its claim alone."""
    if run.result.exists():
        return Status.FINISHED
    if not run.cell.exists():
        return Status.UNREADABLE if run.path.exists() else Status.MISSING
    if not newest_claim(run):
        return Status.WAITING
    alive = life(run)
    if alive is Life.ALIVE:
        return Status.RUNNING
    if alive is Life.UNKNOWN:
        return Status.UNKNOWN
    return Status.FAILED if run.error.exists() else Status.INTERRUPTED


def read_config(run: RunFolder) -> CellConfig:
    """The config of a run, through the same strict reader that reads a composed one.

    Raises:
        StoreError: `cell.json` is missing, damaged or of a version whose keys differ.
    """
    return read(CellConfig, _cell(run).get("config"), where=f"{run.id}/cell.json", error=StoreError)


def _cell(run: RunFolder) -> dict[str, object]:
    cell = read_json(run.cell)
    if not isinstance(cell, dict):
        raise StoreError("cell.json does not hold an object", where=run.id, now="restore it or remove the run folder")
    return cell


def read_result(run: RunFolder) -> Result:
    """The numbers of a finished run.

    Raises:
        StoreError: `result.json` is missing or damaged.
    """
    return read(Result, read_json(run.result), where=f"{run.id}/result.json", error=StoreError)


def read_correct(run: RunFolder) -> Correct:
    """Per-sample correctness of a finished run.

    Raises:
        StoreError: `correct.bin` is missing or damaged.
    """
    try:
        raw = run.correct.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read correct.bin: {error.strerror}", where=run.id) from error
    return decode(raw, where=run.id)


def read_run(run: RunFolder) -> RunRecord:
    """All of a run that can be read; what cannot is said in `error`, with status `unreadable`."""
    status, config, result, error = status_of(run), None, None, None
    choices: dict[str, str] = {}
    try:
        if run.cell.exists() or status is Status.FINISHED:
            found = _cell(run).get("choices")
            choices = {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
            config = read_config(run)
        result = read_result(run) if status is Status.FINISHED else None
    except AnError as problem:
        status, error = Status.UNREADABLE, str(problem)
    if status is Status.FAILED:
        error = _why(run)
    try:
        lines, torn = read_json_lines(run.metrics)
        attempts, lost = _attempts(run)
    except AnError as problem:
        status, error, lines, torn, attempts, lost = Status.UNREADABLE, str(problem), [], 0, (), 0
    return RunRecord(
        id=run.id,
        status=status,
        config=config,
        choices=choices,
        attempts=attempts,
        epochs=tuple(line for line in lines if line.get("kind") == "epoch"),
        result=result,
        error=error,
        skipped_lines=torn + lost,
    )


def _why(run: RunFolder) -> str:
    try:
        return run.error.read_text(errors="replace").strip() or "failed without a message"
    except OSError as problem:
        return f"cannot read error.txt: {problem.strerror}"


def _attempts(run: RunFolder) -> tuple[tuple[Attempt, ...], int]:
    lines, skipped = read_json_lines(run.attempts)
    found = []
    for line in lines:
        try:
            found.append(read(Attempt, line, error=StoreError))
        except StoreError:
            skipped += 1
    return tuple(found), skipped


def read_runs(store: Store, ids: Iterable[str]) -> list[RunRecord]:
    """Records of the named runs, in the order given; a run without a folder has status `missing`."""
    return [read_run(store.run(run_id)) for run_id in ids]


def read_progress(run: RunFolder) -> Progress | None:
    """How far a run is, from the end of its metrics; None before the first line."""
    try:
        with run.metrics.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    newest: dict[str, object] | None = None
    error_pct: object = None
    for raw in lines:
        line = json_object(raw)
        if line is not None and "step" in line:
            newest = line
            error_pct = line.get("top1_error_pct", error_pct)
    if newest is None:
        return None
    keys = ("epoch", "epochs", "step", "steps", "loss", "elapsed_s")
    try:
        return read(Progress, {"top1_error_pct": error_pct, **{key: newest.get(key) for key in keys}}, error=StoreError)
    except StoreError:
        return None
