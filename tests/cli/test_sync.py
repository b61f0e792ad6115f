"""`an-cli sync`: what is due is sent once; who asks is told what came of it, also by the exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from an_cli.cli import sync as syncing
from an_cli.files import append_line
from an_cli.store import RunFolder, Store, take
from an_cli.store.sent import read_sent
from tests.cli.conftest import Call, Ended
from tests.launch.fake_door import finish
from tests.tracking.wandb_service import Service, wandb_service
from tests.warm import wait_for

BOARD = "launch.tracking=tensorboard"


@pytest.fixture(autouse=True)
def no_account(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever W&B settings the tester has."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))


@pytest.fixture
def runs(call: Call, folder: Path) -> list[RunFolder]:
    """Three finished runs of the study, of three steps each."""
    assert call("ablate", "tiny", "launch.tracking=none", "launch.processes=3").status == 0
    runs = [Store(folder).run(run_id) for run_id in Store(folder).run_ids()]
    for run in runs:
        record(run, 3)
    return runs


def record(run: RunFolder, steps: int, first: int = 1) -> None:
    for step in range(first, first + steps):
        append_line(run.metrics, {"kind": "step", "step": step, "steps": 9, "epochs": 1, "epoch": 0, "loss": 1.0})


def boards(folder: Path) -> int:
    return len(list(folder.glob("tensorboard/tiny/*/events.*")))


def states(ended: Ended) -> list[str]:
    return sorted(run["state"] for run in ended.json["runs"])


def test_a_dry_run_lists_and_sends_nothing(call: Call, runs: list[RunFolder], folder: Path) -> None:
    ended = call("sync", "tiny", "--dry-run", BOARD)
    assert ended.status == 0
    assert ended.out.count("to be sent") == 4  # a line for each, and the sum
    assert "tiny/squeeze=mean" in ended.out
    assert not (folder / "tensorboard").exists()
    assert all(read_sent(run) == {} for run in runs)


def test_what_was_sent_is_not_sent_twice(call: Call, runs: list[RunFolder], folder: Path) -> None:
    first = call("sync", BOARD)
    assert (first.status, first.err) == (0, "")
    assert first.out == "tensorboard: 3 sent\n"
    assert boards(folder) == 3
    before = {path: path.stat().st_mtime_ns for path in folder.glob("tensorboard/**/events.*")}
    assert call("sync", BOARD).out == "tensorboard: 3 already sent\n"
    assert {path: path.stat().st_mtime_ns for path in folder.glob("tensorboard/**/events.*")} == before


@pytest.mark.slow  # W&B's is below
def test_again_sends_all_of_it(call: Call, runs: list[RunFolder], folder: Path) -> None:
    call("sync", BOARD)
    for path in folder.glob("tensorboard/**/events.*"):
        path.unlink()
    assert call("sync", "--again", BOARD).out == "tensorboard: 3 sent\n"
    assert boards(folder) == 3


def test_a_run_that_is_named_is_sent_alone(call: Call, runs: list[RunFolder], folder: Path) -> None:
    ended = call("sync", "tiny/squeeze=mean", BOARD, "--json")
    assert [(run["label"], run["state"], run["points"]) for run in ended.json["runs"]] == [
        ("tiny/squeeze=mean", "sent", 3)
    ]
    assert ended.json["destinations"] == ["tensorboard"]
    assert [run["id"] for run in ended.json["runs"]] == [read.id for read in runs if read_sent(read)]
    assert all(run["whole"] for run in ended.json["runs"])
    assert states(call("sync", BOARD, "--json")) == ["same", "sent", "sent"]


def test_a_run_without_an_attempt_has_nothing_to_send(call: Call, folder: Path) -> None:
    call("run", "--help")
    store = Store(folder)
    (folder / "runs" / ("a" * 16)).mkdir(parents=True)
    (store.run("a" * 16).cell).write_text("{}")
    ended = call("sync", BOARD)
    assert (ended.status, ended.out) == (0, "tensorboard: 1 has no attempt\n")


def test_a_run_that_went_on_is_sent_again(call: Call, runs: list[RunFolder]) -> None:
    call("sync", BOARD)
    runs[0].result.unlink()
    claim = take(runs[0])
    assert claim is not None
    record(runs[0], 2, first=4)
    claim.release("stopped by signal 15")
    ended = call("sync", BOARD, "--json")
    assert states(ended) == ["same", "same", "sent"]
    (sent,) = [run for run in ended.json["runs"] if run["state"] == "sent"]
    assert sent["points"] == 5


def test_a_run_that_cannot_be_sent_is_named_and_the_others_are_sent(call: Call, runs: list[RunFolder]) -> None:
    runs[1].cell.write_text("[]")
    ended = call("sync", BOARD)
    assert ended.status == 3
    assert "1 not sent" in ended.out
    assert "cell.json holds no config" in ended.err
    assert "Traceback" not in ended.err
    assert call("sync", BOARD).status == 1  # what is due, and none of it could be sent


def test_words_that_do_not_fit_are_one_line(call: Call, runs: list[RunFolder]) -> None:
    assert "part of an experiment" in call("sync", "recipe.epochs=3").err
    assert "no key for https://api.wandb.ai" in call("sync", "tiny").err
    wrong = call("sync", "no_such_study", BOARD)
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)


def test_switched_off_is_said(call: Call, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    ended = call("sync", "tiny")
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert "switched off" in ended.err


def test_a_process_that_ends_early_is_said(call: Call, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    ended = call("sync", BOARD)
    assert ended.status == 1
    assert "ended early" in ended.err
    assert ended.err.count("\n") == 1


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with wandb_service() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def test_a_service_gets_each_run_once(
    call: Call, runs: list[RunFolder], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("sync", "tiny", "launch.wandb.project=ablations", "--at-once", "2")
    assert first.status == 0, first.err
    assert "3 sent" in first.out
    assert f"{service.url}/lab/ablations\n" in first.out
    assert {key[1] for key in service.runs} == {"ablations"}
    assert {run.group for run in service.runs.values()} == {"tiny"}
    assert {run.name for run in service.runs.values()} == {"baseline", "gate=softmax", "squeeze=mean"}
    assert [[row["_step"] for row in run.history] for run in service.runs.values()] == [[1, 2, 3]] * 3
    assert call("sync", "tiny", "launch.wandb.project=ablations").out.count("3 already sent") == 1
    service.runs.clear()
    assert "3 sent" in call("sync", "tiny", "launch.wandb.project=ablations", "--again").out
    assert [[row["_step"] for row in run.history] for run in service.runs.values()] == [[1, 2, 3]] * 3


def test_a_service_that_refuses_what_is_logged_has_not_got_it(
    call: Call, runs: list[RunFolder], service: Service
) -> None:
    service.fail(403, route="file_stream")
    refused = call("sync", "tiny/squeeze=mean")
    assert refused.status == 1
    assert "has not taken" in refused.err
    service.heal()
    assert call("sync", "tiny/squeeze=mean").status == 0
    (run,) = service.runs.values()
    assert [row["_step"] for row in run.history] == [1, 2, 3]


def watching(folder: Path, *words: str) -> subprocess.Popen[str]:
    code = "import sys; from an_cli.cli.__main__ import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "sync", BOARD, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_watching_follows_what_goes_until_all_have_ended(call: Call, runs: list[RunFolder], folder: Path) -> None:
    run = runs[0]
    run.result.unlink()
    claim = take(run)
    assert claim is not None
    ended: list[Ended] = []
    thread = threading.Thread(target=lambda: ended.append(call("sync", BOARD, "--watch", "--json")))
    thread.start()
    wait_for(lambda: boards(folder) == 3)
    record(run, 2, first=4)
    time.sleep(0.5)
    assert thread.is_alive()
    finish(run)
    claim.release("finished")
    thread.join(60)
    assert not thread.is_alive()
    assert states(ended[0]) == ["sent", "sent", "sent"]
    sent = read_sent(run)["tensorboard"]
    assert (sent.points, sent.whole) == (5, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_it_leaves_nobody_and_the_same_command_sends_the_rest(
    call: Call, runs: list[RunFolder], folder: Path, number: int
) -> None:
    runs[0].result.unlink()
    claim = take(runs[0])
    assert claim is not None
    command = watching(folder, "--watch")
    wait_for(lambda: boards(folder) == 3)
    command.send_signal(number)
    out, err = command.communicate(timeout=30)
    if number == signal.SIGINT:
        assert command.returncode == 130, err
        assert "the same command sends the rest" in out + err
    wait_for(lambda: not mirrors_of(folder), 30)
    finish(runs[0])
    claim.release("finished")
    assert call("sync", BOARD, "--json").status == 0
    assert all(read_sent(run)["tensorboard"].whole for run in runs)


def mirrors_of(folder: Path) -> list[str]:
    """Processes of a mirror that work in a folder."""
    left = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if "an_cli.tracking" in words and os.readlink(path / "cwd") == str(folder):
                left.append(words)
        except OSError:
            continue
    return left
