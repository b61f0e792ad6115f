"""A few of the kills of tests/checks/kill_fifty.py, and a disk that fills up."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from an_cli.errors import StoreError
from an_cli.files import read_json_lines
from an_cli.store import RunFolder, RunWriter, Status, status_of
from an_cli.train import Interrupted, StopFlag
from an_cli.train.checkpoint import load_newest, saved_states
from tests.checks.kill_fifty import SAVE_INTERVAL_S, survive
from tests.train.test_interrupted import StopAfter, assert_same_run
from tests.warm import Warm


@pytest.mark.parametrize(("number", "kills"), [(signal.SIGKILL, 3), (signal.SIGTERM, 2)])
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(
    warm: Warm, tmp_path: Path, number: int, kills: int
) -> None:
    figures = survive(warm, tmp_path, kills=kills, number=number, seed=7)
    assert int(str(figures["kills"])) >= 1, "the run may end before the last kill, not before the first"
    assert figures["bit_identical"]
    assert float(str(figures["most_training_lost_s"])) <= SAVE_INTERVAL_S + 1.0, "one interval, and one save and step"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("a full disk needs a small tmpfs, which only root may mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_keeps_the_last_good_state_and_says_so(
    small_disk: Path, make_run: Callable[..., RunFolder], train: Callable[..., None]
) -> None:
    whole = make_run("whole")
    train(whole)
    run = make_run(str(small_disk / "store"))
    with pytest.raises(Interrupted):
        train(run, StopAfter(2))
    good = saved_states(run, "step")[0]
    ballast = small_disk / "ballast"
    fill(ballast)
    with pytest.raises(StoreError, match=r"No space left on device .* -> free space"):
        train(run)
    state = load_newest(run)
    assert state is not None
    assert state["step"] >= good.number
    assert status_of(run) is not Status.FINISHED
    ballast.unlink()
    train(run)
    assert_same_run(run, whole)


def test_an_attempt_that_was_overtaken_writes_nothing_more(
    make_run: Callable[..., RunFolder], train: Callable[..., None]
) -> None:
    from an_cli.errors import Fenced
    from an_cli.store.claims import Claim

    run = make_run()
    with pytest.raises(Interrupted):
        train(run, StopAfter(2))
    before = read_json_lines(run.metrics)
    old = RunWriter(Claim(run, 1))
    (run.claims / "2").write_text("{}")
    for write in (
        lambda: old.metrics({"step": 99}),
        lambda: old.file(run.mixture, b"x"),
        lambda: old.fail("no"),
        lambda: old.rewind_metrics(0),
    ):
        with pytest.raises(Fenced):
            write()
    assert read_json_lines(run.metrics) == before
    assert not run.mixture.exists()
    assert not run.error.exists()


def test_an_attempt_overtaken_while_it_writes_leaves_no_state_behind(
    make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from an_cli import files
    from an_cli.errors import Fenced
    from an_cli.store import take

    run = make_run()
    claim = take(run)
    assert claim is not None
    write_all = files._write_all

    def overtaken(descriptor: int, raw: bytes) -> None:
        write_all(descriptor, raw)
        (run.claims / "2").write_text("{}")

    monkeypatch.setattr(files, "_write_all", overtaken)
    with pytest.raises(Fenced):
        RunWriter(claim).file(run.checkpoints / "step-000000050-0123456789abcdef.pt", b"late")
    assert list(run.checkpoints.iterdir()) == []


def test_a_second_signal_ends_the_process_at_once() -> None:
    pid = os.fork()
    if pid == 0:
        StopFlag().install()
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGTERM
