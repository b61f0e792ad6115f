"""Stores that cannot be written or hold rubbish: one clear line each, nothing lost, the rest goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from an_cli.store import Store, take
from tests.cli.conftest import Call

READING = (["status"], ["status", "tiny"], ["plan", "tiny"], ["report", "tiny"], ["ablate", "tiny", "--dry-run"])


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A mount over a folder, for as long as it lasts; skips the test where this may not be done."""
    folder.mkdir(exist_ok=True)
    try:
        done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that even root cannot write."""
    with mounted(folder, "--bind", str(folder)):
        remount = ["mount", "-o", "remount,bind,ro", str(folder)]
        if subprocess.run(remount, capture_output=True, check=False).returncode:
            pytest.skip("cannot mount read-only")
        yield


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def one_line(text: str) -> bool:
    return text.startswith("an-cli: ") and text.count("\n") == 1


def test_a_store_that_cannot_be_written_is_read_and_its_table_printed(call: Call, folder: Path) -> None:
    store = folder / "store"
    call("ablate", "tiny", "--store", str(store))
    expected = call("report", "tiny", "--store", str(store)).out
    before = bytes_of(store)
    with read_only(store):
        for words in READING:
            assert call(*words, "--store", str(store)).status == 0
        again = call("ablate", "tiny", "--store", str(store))
        report = call("report", "tiny", "--store", str(store))
    assert again.status == 0
    assert "3 cells: 3 finished" in again.err
    assert report.out == expected
    assert "the table's files were not written: cannot write" in report.err
    assert "Read-only file system" in report.err
    assert bytes_of(store) == before


def test_starting_in_a_store_that_cannot_be_written_is_one_line(call: Call, folder: Path) -> None:
    store = folder / "store"
    store.mkdir()
    with read_only(store):
        for words in (["ablate", "tiny"], ["cancel"]):
            ended = call(*words, "--store", str(store))
            assert (ended.status, ended.out) in ((1, ""), (0, "nothing to stop\n"))
        ended = call("ablate", "tiny", "--store", str(store))
    assert ended.status == 1
    assert "Read-only file system" in ended.err
    assert one_line(ended.err.splitlines(keepends=True)[-1])


def test_a_full_disk_stops_what_starts_and_keeps_what_is_finished(call: Call, folder: Path) -> None:
    store = folder / "store"
    with mounted(store, "-t", "tmpfs", "-o", "size=192k", "tmpfs"):
        call("ablate", "tiny", "--store", str(store))
        filler = store / "filler"
        with pytest.raises(OSError, match="No space left"):
            fill(filler)
        results = bytes_of(store / "runs")
        for words in READING:
            assert call(*words, "--store", str(store)).status == 0
        ended = call("ablate", "tiny", "seed=5", "--store", str(store))
        assert ended.status == 1
        assert "No space left on device" in ended.err
        assert "free space" in ended.err
        assert one_line(ended.err.splitlines(keepends=True)[-1])
        assert {name: raw for name, raw in bytes_of(store / "runs").items() if name in results} == results
        filler.unlink()
        assert call("ablate", "tiny", "seed=5", "--store", str(store)).status == 0


@pytest.mark.parametrize("rubbish", ["", "{", "[]", '{"config": {}}', "\x00" * 10])
def test_a_corrupt_cell_is_left_alone_and_the_others_run(rubbish: str, call: Call, folder: Path) -> None:
    cells = call("plan", "tiny", "--no-costs", "--json").json["cells"]
    damaged = folder / "runs" / cells[1]["id"]
    damaged.mkdir(parents=True)
    (damaged / "cell.json").write_text(rubbish)
    status = call("status", "tiny", "--json").json["cells"][1]
    assert status["status"] == "unreadable"
    assert "cell.json" in status["error"]
    ended = call("ablate", "tiny")
    assert ended.status == 3
    assert len([line for line in ended.err.splitlines() if line.startswith("left alone: gate=softmax: ")]) == 1
    assert [cell["status"] for cell in call("status", "--json").json["cells"]].count("finished") == 2
    assert (damaged / "cell.json").read_text() == rubbish


def test_a_finished_run_whose_cell_is_corrupt_is_marked_in_the_table(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run_id = call("status", "tiny", "--json").json["cells"][1]["id"]
    (folder / "runs" / run_id / "cell.json").write_text('{"config": {"model"')
    ended = call("report", "tiny", "--format", "terminal")
    assert ended.status == 3
    assert "kept: " in ended.err
    assert "unreadable: cell.json is not JSON" in ended.out
    assert ended.out.count("20.00") >= 2
    assert "cell.json is not JSON" in call("show", run_id).out


def test_a_half_written_line_of_metrics_is_skipped_and_said(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run_id = call("status", "tiny", "--json").json["cells"][1]["id"]
    line = {"kind": "epoch", "epoch": 1, "epochs": 4, "step": 20, "steps": 40, "loss": 0.5, "elapsed_s": 3.0}
    with (folder / "runs" / run_id / "metrics.jsonl").open("w") as file:
        file.write(json.dumps(line) + "\n" + json.dumps({**line, "epoch": 2})[:-9])
    cell = call("status", "tiny", "--json").json["cells"][1]
    assert (cell["status"], cell["epoch"], cell["epochs"]) == ("finished", 2, 4)
    assert "damaged lines of its records, skipped: 1" in call("show", run_id).out
    assert call("show", run_id, "--json").json["skipped_lines"] == 1
    assert call("report", "tiny").status == 0


def test_a_folder_that_is_no_run_hides_none(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    (folder / "runs" / "my notes").mkdir()
    (folder / "runs" / "readme.txt").write_text("hello")
    cells = call("status", "--json").json["cells"]
    assert [cell["status"] for cell in cells] == ["finished", "finished", "finished", "unreadable"]
    assert "no cell.json" in cells[3]["error"]
    assert "my notes: no cell.json" in call("status").out
    assert call("ablate", "tiny").status == 0
    assert call("show", "my notes").status == 0


@pytest.mark.parametrize(
    "words",
    [*READING, ["ablate", "tiny"], ["show", "abc"], ["logs", "abc"], ["cancel"], ["run"]],
    ids=" ".join,
)
def test_a_store_of_a_newer_version_is_refused_in_one_line_and_left_alone(
    words: list[str], call: Call, folder: Path
) -> None:
    (folder / ".an-cli").mkdir()
    (folder / ".an-cli" / "store.json").write_text('{"version": 2}')
    before = bytes_of(folder)
    ended = call(*words)
    assert (ended.status, ended.out) == (1, "")
    assert one_line(ended.err)
    assert "the store's format is 2, this an-cli knows 1" in ended.err
    assert bytes_of(folder) == before


def test_a_claim_torn_by_a_power_cut_does_not_stop_the_others(
    call: Call, folder: Path, make_old: Callable[[Path], None]
) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("status", "tiny", "--json").json["cells"][0]["id"])
    run.result.unlink()
    claim = take(run)
    assert claim is not None
    path = run.claims / str(claim.number)
    path.write_bytes(b"")
    assert call("status", "tiny", "--json").json["cells"][0]["status"] == "unknown"
    make_old(path)
    assert call("ablate", "tiny").status == 0


@pytest.fixture
def make_old() -> Callable[[Path], None]:
    """Set a file's time to long ago."""
    import os

    return lambda path: os.utime(path, (1.7e9, 1.7e9))
