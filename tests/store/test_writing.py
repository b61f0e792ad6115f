"""Writing: every write is fenced, a result comes last, history has no doubles."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from an_cli.errors import Fenced
from an_cli.files import read_json, read_json_lines, write_json
from an_cli.store import (
    Activity,
    RunFolder,
    RunWriter,
    Status,
    newest_claim,
    read_per_sample,
    read_result,
    set_aside,
    status_of,
    take,
)
from an_cli.store.per_sample import encode


@pytest.fixture
def writer(run: RunFolder) -> RunWriter:
    claim = take(run)
    assert claim is not None
    return RunWriter(claim)


WRITES: dict[str, Callable[[RunWriter, Any], None]] = {
    "doing": lambda pen, records: pen.doing(Activity.TRAINING),
    "attempt": lambda writer, records: writer.attempt(records.attempt),
    "metrics": lambda writer, records: writer.metrics({"step": 1}),
    "rewind_metrics": lambda writer, records: writer.rewind_metrics(0),
    "file": lambda writer, records: writer.file(writer.run.mixture, b"x"),
    "finish": lambda writer, records: writer.finish(records.result, records.correct),
    "fail": lambda writer, records: writer.fail("why"),
}


def test_every_method_of_the_pen_is_known_to_this_test() -> None:
    methods = {name for name, value in vars(RunWriter).items() if callable(value) and not name.startswith("_")}
    assert methods == set(WRITES)


@pytest.mark.parametrize("write", WRITES)
def test_an_attempt_with_a_newer_one_beside_it_writes_nothing_more(write: str, writer: RunWriter, records: Any) -> None:
    writer.metrics({"step": 1})
    (writer.run.claims / "2").write_text("{}")
    before = {path.name: path.stat().st_mtime_ns for path in writer.run.path.iterdir()}
    with pytest.raises(Fenced):
        WRITES[write](writer, records)
    assert {path.name: path.stat().st_mtime_ns for path in writer.run.path.iterdir()} == before


def test_a_finished_run_has_its_bits_before_its_result(
    writer: RunWriter, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two leaves a run that is not finished, never one without bits."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("an_cli.store.writing.digest_text", crash)
    with pytest.raises(KeyboardInterrupt):
        writer.finish(records.result, records.correct)
    assert not writer.run.result.exists()
    assert writer.run.per_sample.read_bytes() == encode(records.correct)


def test_what_is_finished_reads_back(writer: RunWriter, records: Any) -> None:
    writer.finish(records.result, records.correct)
    assert read_result(writer.run) == records.result
    assert read_per_sample(writer.run) == records.correct
    assert status_of(writer.run) is Status.FINISHED


def test_a_new_attempt_forgets_why_the_one_before_failed(writer: RunWriter, records: Any) -> None:
    writer.fail("the loss is nan")
    assert writer.run.error.read_text() == "the loss is nan"
    writer.attempt(records.attempt)
    assert not writer.run.error.exists()
    assert len(read_json_lines(writer.run.attempts)[0]) == 1


def test_rewinding_drops_what_came_after_a_step_and_what_is_torn(writer: RunWriter) -> None:
    for step in (10, 20, 30):
        writer.metrics({"kind": "step", "step": step})
    with writer.run.metrics.open("ab") as file:
        file.write(b'{"kind": "st')
    writer.rewind_metrics(20)
    assert writer.run.metrics.read_text() == '{"kind":"step","step":10}\n{"kind":"step","step":20}\n'


def test_rewinding_to_the_newest_step_does_not_touch_the_file(writer: RunWriter) -> None:
    writer.metrics({"step": 10})
    before = writer.run.metrics.stat()
    writer.rewind_metrics(10)
    assert writer.run.metrics.stat().st_ino == before.st_ino


def test_rewinding_to_the_start_empties_the_file(writer: RunWriter) -> None:
    writer.metrics({"step": 10})
    writer.rewind_metrics(0)
    assert writer.run.metrics.read_text() == ""


def test_rewinding_without_metrics_makes_no_file(writer: RunWriter) -> None:
    writer.rewind_metrics(0)
    assert not writer.run.metrics.exists()


def test_what_a_rerun_sets_aside_is_whole_and_leaves_a_run_to_be_made(writer: RunWriter, records: Any) -> None:
    writer.attempt(records.attempt)
    writer.metrics({"step": 1})
    writer.finish(records.result, records.correct)
    writer.claim.release()
    kept = set_aside(writer.run, seen=1)
    assert kept == writer.run.archive / "1"
    assert sorted(os.listdir(kept)) == ["correct.bin", "digests.json", "env.jsonl", "metrics.jsonl", "result.json"]
    assert sorted(os.listdir(writer.run.path)) == ["archive", "cell.json", "claims"]
    assert status_of(writer.run) is not Status.FINISHED
    assert newest_claim(writer.run) == 2  # numbers are not given twice, so a late writer is fenced
    with pytest.raises(Fenced):
        writer.metrics({"step": 2})


def test_every_rerun_has_an_archive_of_its_own(writer: RunWriter, records: Any) -> None:
    for number in (1, 2, 3):
        write_json(writer.run.result, {**records.plain_result, "steps": number})
        writer.claim.release()
        assert set_aside(writer.run, seen=newest_claim(writer.run)) == writer.run.archive / str(number)
    steps = [read_json(writer.run.archive / str(number) / "result.json")["steps"] for number in (1, 2, 3)]
    assert steps == [1, 2, 3]


def test_a_live_attempt_is_never_set_aside(writer: RunWriter) -> None:
    writer.metrics({"step": 1})
    assert set_aside(writer.run, seen=1) is None
    writer.metrics({"step": 2})
    assert len(writer.run.metrics.read_text().splitlines()) == 2


def test_what_changed_since_it_was_looked_at_is_not_set_aside(writer: RunWriter, records: Any) -> None:
    writer.finish(records.result, records.correct)
    writer.claim.release()
    assert set_aside(writer.run, seen=0) is None
    assert status_of(writer.run) is Status.FINISHED


def test_one_of_many_sets_a_run_aside(writer: RunWriter, records: Any) -> None:
    writer.finish(records.result, records.correct)
    writer.claim.release()
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda _: set_aside(writer.run, seen=1), range(8)))
    assert [path for path in kept if path] == [writer.run.archive / "1"]


def test_a_claim_that_was_let_go_is_free_at_once_for_every_machine(run: RunFolder) -> None:
    claim = take(run)
    assert claim is not None
    assert take(run) is None
    claim.release()
    again = take(run)
    assert again is not None
    assert again.number == 2
    claim.release()  # too late: it is no longer its to let go
    assert take(run) is None
