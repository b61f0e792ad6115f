"""Reading back: status off the disk, and no damage that raises."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from an_cli.config import CellConfig
from an_cli.errors import StoreError
from an_cli.files import append_line, write_json
from an_cli.store import (
    Life,
    RunFolder,
    Status,
    Store,
    read_config,
    read_per_sample,
    read_progress,
    read_result,
    read_run,
    read_run_and_count,
    read_runs,
    status_of,
)
from an_cli.store.per_sample import encode
from an_cli.store.reading import is_finished

Hold = Callable[..., None]
HOLDERS: dict[Life, dict[str, Any]] = {
    Life.ALIVE: {},
    Life.DEAD: {"started": "1"},
    Life.UNKNOWN: {"host": "node7", "silent_s": 100.0},
}


def _finish(run: RunFolder, records: Any) -> None:
    write_json(run.result, records.plain_result)
    run.per_sample.write_bytes(encode(records.correct))


@pytest.mark.parametrize(
    ("holder", "error", "result", "expected"),
    [
        (None, False, False, Status.WAITING),
        (None, True, False, Status.WAITING),
        (None, False, True, Status.FINISHED),
        (None, True, True, Status.FINISHED),
        (Life.ALIVE, False, False, Status.RUNNING),
        (Life.ALIVE, True, False, Status.RUNNING),
        (Life.ALIVE, False, True, Status.FINISHED),
        (Life.ALIVE, True, True, Status.FINISHED),
        (Life.DEAD, False, False, Status.INTERRUPTED),
        (Life.DEAD, True, False, Status.FAILED),
        (Life.DEAD, False, True, Status.FINISHED),
        (Life.DEAD, True, True, Status.FINISHED),
        (Life.UNKNOWN, False, False, Status.UNKNOWN),
        (Life.UNKNOWN, True, False, Status.UNKNOWN),
        (Life.UNKNOWN, False, True, Status.FINISHED),
        (Life.UNKNOWN, True, True, Status.FINISHED),
    ],
)
def test_status_is_read_off_the_files_and_the_claim_s_holder(
    holder: Life | None, error: bool, result: bool, expected: Status, run: RunFolder, hold: Hold, records: Any
) -> None:
    if holder is not None:
        hold(1, **HOLDERS[holder])
    if error:
        run.error.write_text("why")
    if result:
        _finish(run, records)
    assert status_of(run) is expected
    record = read_run(run)
    assert record.status is expected
    assert record.error == ("why" if expected is Status.FAILED else None)
    assert (record.result is not None) == (expected is Status.FINISHED)


def test_an_attempt_that_ended_where_its_launch_told_it_to_leaves_a_paused_run(run: RunFolder, hold: Hold) -> None:
    hold(1, left="paused after epoch 2")
    assert status_of(run) is Status.PAUSED
    answers = {name: getattr(Status.PAUSED, name) for name in ("is_done", "is_broken", "is_in_queue", "is_going")}
    assert not any(answers.values()), answers
    assert Status.PAUSED.can_start
    assert not Status.PAUSED.is_untouched
    run.error.write_text("why")
    assert status_of(run) is Status.FAILED, "a failure after it counts"


@pytest.mark.parametrize("damage", ["", "{torn", "{}", "null", '{"last": 1}'])
def test_a_damaged_result_is_none(damage: str, run: RunFolder, hold: Hold, records: Any) -> None:
    hold(1, **HOLDERS[Life.DEAD])
    _finish(run, records)
    assert is_finished(run)
    run.result.write_text(damage)
    assert not is_finished(run)
    assert status_of(run) is Status.UNREADABLE
    record = read_run(run)
    assert (record.status, record.result) == (Status.UNREADABLE, None)
    assert "result.json" in (record.error or "")
    hold(1, **HOLDERS[Life.ALIVE])
    assert status_of(run) is Status.RUNNING, "somebody continues it"


def test_no_folder_is_missing_and_a_folder_without_a_cell_unreadable(store: Store) -> None:
    run = store.run("0" * 16)
    assert status_of(run) is Status.MISSING
    run.path.mkdir(parents=True)
    assert status_of(run) is Status.UNREADABLE


def test_reading_changes_nothing(run: RunFolder, hold: Hold, records: Any) -> None:
    hold(1, **HOLDERS[Life.DEAD])
    _finish(run, records)
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    read_run(run), read_progress(run), read_per_sample(run)
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_a_finished_run_is_read_whole(run: RunFolder, cell: CellConfig, records: Any) -> None:
    append_line(run.attempts, records.plain_attempt)
    append_line(run.metrics, {"kind": "step", "step": 5})
    append_line(run.metrics, {"kind": "epoch", "step": 10, "epoch": 1})
    _finish(run, records)
    record = read_run(run)
    assert (record.id, record.config, record.choices) == (run.id, cell, {"norm": "bn"})
    assert (record.attempts, record.result) == ((records.attempt,), records.result)
    assert record.epochs == ({"kind": "epoch", "step": 10, "epoch": 1},)
    assert (record.error, record.skipped_lines) == (None, 0)


def test_lines_that_do_not_read_are_counted(run: RunFolder, records: Any) -> None:
    append_line(run.attempts, records.plain_attempt)
    append_line(run.attempts, {"attempt": 2})
    run.metrics.write_bytes(b'{"kind": "epoch", "step": 1}\n{"kind": "ep')
    record = read_run(run)
    assert (len(record.attempts), len(record.epochs), record.skipped_lines) == (1, 1, 2)


def test_a_result_without_its_cell_is_unreadable(run: RunFolder, records: Any) -> None:
    _finish(run, records)
    run.cell.unlink()
    record = read_run(run)
    assert record.status is Status.UNREADABLE
    assert "cell.json" in str(record.error)


def test_a_cell_of_another_version_is_named_with_its_key(run: RunFolder) -> None:
    found = json.loads(run.cell.read_text())
    found["config"]["recipe"]["ema"] = 0.9
    write_json(run.cell, found)
    with pytest.raises(StoreError, match=r"unknown key 'ema' \(.*/cell\.json\.recipe\.ema\)"):
        read_config(run)
    assert read_run(run).status is Status.UNREADABLE


def test_a_damaged_folder_never_hides_the_others(run: RunFolder, store: Store, records: Any) -> None:
    _finish(run, records)
    broken = store.run("f" * 16)
    shutil.copytree(run.path, broken.path)
    broken.result.write_text("{")
    found = read_runs(store, [broken.id, run.id, "0" * 16])
    assert [record.status for record in found] == [Status.UNREADABLE, Status.FINISHED, Status.MISSING]
    assert "result.json is not JSON" in str(found[0].error)


FILES = ["cell", "result", "error", "metrics", "attempts", "per_sample", "claims", "log"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["emptied", "a folder", "a loop", "rubbish", "half"])
def test_a_damaged_folder_is_read_without_raising(
    name: str, damage: str, run: RunFolder, hold: Hold, records: Any
) -> None:
    hold(1, **HOLDERS[Life.DEAD])
    append_line(run.attempts, records.plain_attempt)
    append_line(run.metrics, {"kind": "epoch", "step": 10})
    run.error.write_text("why")
    if name in ("result", "per_sample"):
        _finish(run, records)
    _damage(getattr(run, name), damage)
    assert isinstance(read_run(run).status, Status)
    read_progress(run)


def _damage(path: Any, damage: str) -> None:
    raw = path.read_bytes() if path.is_file() else b"{}"
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    match damage:
        case "emptied":
            path.write_bytes(b"")
        case "a folder":
            (path / "inside").mkdir(parents=True)
        case "a loop":
            path.symlink_to(path.name)
        case "rubbish":
            path.write_bytes(b"\xff\x00[1e999]" + b"[" * 50_000)
        case "half":
            path.write_bytes(raw[: len(raw) // 2])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_in_any_file_are_read_without_raising(data: st.DataObject, run: RunFolder, records: Any) -> None:
    _finish(run, records)
    path = getattr(run, data.draw(st.sampled_from(["cell", "result", "metrics", "attempts", "error"])))
    whole = path.read_bytes() if path.exists() else b'{"step": 1, "epoch": 2}\n'
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut] + data.draw(st.binary(max_size=8)) + whole[cut + data.draw(st.integers(0, 8)) :])
    try:
        record = read_run(run)
        assert isinstance(record.status, Status)
        assert read_run_and_count(run) == (replace(record, epochs=()), len(record.epochs))
        read_progress(run)
    finally:
        path.write_bytes(whole)


PROGRESS = {"epoch": 2, "epochs": 4, "step": 7, "steps": 40, "loss": 0.25, "elapsed_s": 3.5}


def test_progress_is_the_newest_line_and_the_newest_error(run: RunFolder) -> None:
    assert read_progress(run) is None
    append_line(run.metrics, {**PROGRESS, "step": 6, "kind": "epoch", "top1_error_pct": 30.0})
    append_line(run.metrics, PROGRESS)
    progress = read_progress(run)
    assert progress is not None
    assert (progress.step, progress.loss, progress.values["top1_error_pct"]) == (7, 0.25, 30.0)


def test_progress_of_a_long_history_is_read_off_its_end(run: RunFolder) -> None:
    run.metrics.write_text("".join(json.dumps({**PROGRESS, "step": step}) + "\n" for step in range(3000)))
    progress = read_progress(run)
    assert progress is not None
    assert progress.step == 2999


@pytest.mark.parametrize("tail", ['{"step": 8, "epo', "\n\n", "[1]\n", '{"kind": "note"}\n'])
def test_progress_skips_what_is_no_progress(tail: str, run: RunFolder) -> None:
    run.metrics.write_text(json.dumps(PROGRESS) + "\n" + tail)
    progress = read_progress(run)
    assert progress is not None
    assert progress.step == 7


def test_progress_of_lines_without_its_keys_is_none(run: RunFolder) -> None:
    append_line(run.metrics, {"step": 3})
    assert read_progress(run) is None


@pytest.mark.parametrize("reader", [read_config, read_result, read_per_sample])
def test_a_missing_record_is_said_with_its_run(reader: Callable[[RunFolder], object], store: Store) -> None:
    with pytest.raises(StoreError, match=r"cannot read .*: No such file"):
        reader(store.run("0" * 16))


def test_a_result_without_a_measure_of_its_task_is_unreadable(run: RunFolder, records: Any) -> None:
    _finish(run, records)
    result = json.loads(run.result.read_text())
    del result["best"]["top5_error_pct"]
    run.result.write_text(json.dumps(result))
    record = read_run(run)
    assert record.status is Status.UNREADABLE
    assert "has no top5_error_pct" in str(record.error)
