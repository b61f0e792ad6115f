from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import count, cycle

import pytest

from an_cli.errors import LaunchError
from an_cli.launch import Door, Phase, Snapshot, run_cells
from an_cli.launch.here.exit_status import memory_kills
from an_cli.store import RunFolder, Status, status_of, take
from tests.launch.fake_door import finish

Scripted = Callable[..., RunFolder]
Attempts = Callable[[RunFolder], int]


def launch(door: Door, runs: Sequence[RunFolder], at_once: int = 2) -> Snapshot:
    return run_cells(runs, door=door, at_once=at_once, tick_s=0.05)


def phases(end: Snapshot) -> list[Phase]:
    return [state.phase for state in end.runs]


def test_every_run_is_attempted_once(fake_door: Door, scripted: Scripted, attempts_of: Attempts) -> None:
    runs = [scripted("finish") for _ in range(7)]
    end = launch(fake_door, runs, at_once=3)
    assert phases(end) == [Phase.FINISHED] * 7
    assert [attempts_of(run) for run in runs] == [1] * 7
    assert [state.run for state in end.runs] == runs
    assert not end.stopping


def test_no_more_runs_at_once_than_asked(fake_door: Door, scripted: Scripted) -> None:
    most = 0

    def watch(snapshot: Snapshot) -> None:
        nonlocal most
        most = max(most, snapshot.count(Phase.RUNNING))

    run_cells([scripted("finish") for _ in range(6)], door=fake_door, at_once=2, watch=watch, tick_s=0.001)
    assert most == 2


def test_a_finished_study_starts_no_worker(scripted: Scripted) -> None:
    run = scripted("finish")
    finish(run)
    assert phases(launch(Door(command=("/does/not/exist",)), [run])) == [Phase.FINISHED]


def test_a_failure_stays_in_its_cell_and_is_not_tried_again(
    fake_door: Door, scripted: Scripted, attempts_of: Attempts
) -> None:
    runs = [scripted("fail"), scripted("finish"), scripted("empty"), scripted("finish")]
    end = launch(fake_door, runs)
    assert phases(end) == [Phase.FAILED, Phase.FINISHED, Phase.FAILED, Phase.FINISHED]
    assert [state.cause for state in end.runs] == ["out of memory", "", "ended without a result; see log.txt", ""]
    assert [attempts_of(run) for run in runs] == [1, 1, 1, 1]


def test_a_killed_run_is_continued(fake_door: Door, scripted: Scripted, attempts_of: Attempts) -> None:
    runs = [scripted("killed", "killed", "finish"), scripted("finish")]
    assert phases(launch(fake_door, runs)) == [Phase.FINISHED, Phase.FINISHED]
    assert attempts_of(runs[0]) == 3


def test_a_run_that_is_always_killed_is_given_up_after_two_continuations(
    fake_door: Door, scripted: Scripted, attempts_of: Attempts
) -> None:
    runs = [scripted("killed"), scripted("finish")]
    end = launch(fake_door, runs)
    assert phases(end) == [Phase.FAILED, Phase.FINISHED]
    assert end.runs[0].cause == "killed (SIGKILL), 3 times; the last state is kept"
    assert attempts_of(runs[0]) == 3
    assert status_of(runs[0]) is Status.FAILED  # the launcher wrote down what the run could not
    assert runs[0].error.read_text() == end.runs[0].cause + "\n"


@pytest.mark.parametrize(
    ("deed", "kills", "attempts", "cause"),
    [
        ("crash", [0], 2, "crashed (SIGSEGV), 2 times; the last state is kept"),
        ("killed", count(), 2, "out of memory (SIGKILL), 2 times; the last state is kept"),
        ("empty", [0], 1, "ended without a result; see log.txt"),
    ],
)
def test_every_cause_has_its_budget_and_is_written_down(
    deed: str,
    kills: Iterable[int],
    attempts: int,
    cause: str,
    fake_door: Door,
    scripted: Scripted,
    attempts_of: Attempts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counter = cycle(kills)
    monkeypatch.setattr("an_cli.launch.here.crew.memory_kills", lambda: next(counter))
    run = scripted(deed)
    end = launch(fake_door, [run])
    assert (phases(end), end.runs[0].cause) == ([Phase.FAILED], cause)
    assert attempts_of(run) == attempts
    assert status_of(run) is Status.FAILED
    assert run.error.read_text() == cause + "\n"


def test_kills_for_memory_are_counted_by_the_kernel() -> None:
    assert memory_kills() >= 0


def test_a_lost_worker_is_replaced_and_its_runs_go_on(
    fake_door: Door, scripted: Scripted, attempts_of: Attempts
) -> None:
    runs = [scripted("kill the worker", "finish"), *(scripted("finish") for _ in range(3))]
    assert phases(launch(fake_door, runs)) == [Phase.FINISHED] * 4
    assert attempts_of(runs[0]) == 2


def test_a_run_that_outlives_its_worker_is_awaited_not_repeated(
    fake_door: Door, scripted: Scripted, attempts_of: Attempts
) -> None:
    run = scripted("outlive the worker")
    assert phases(launch(fake_door, [run])) == [Phase.FINISHED]
    assert attempts_of(run) == 1


def test_a_worker_that_is_lost_again_and_again_is_given_up(fake_door: Door, scripted: Scripted) -> None:
    runs = [scripted("kill the worker"), scripted("finish")]
    end = launch(fake_door, runs, at_once=1)
    assert end.runs[0].phase is Phase.FAILED
    assert "worker was lost" in end.runs[0].cause


def test_a_worker_that_cannot_start_is_an_error_that_repeats_what_it_said(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door(command=(sys.executable, "-c", "raise SystemExit('no torch here')"))
    with pytest.raises(LaunchError, match="exit status 1 before it was ready"):
        launch(door, [scripted("finish")])
    assert "no torch here" in caplog.text


def test_a_run_held_by_another_process_is_awaited(fake_door: Door, scripted: Scripted, attempts_of: Attempts) -> None:
    held, free = scripted("finish"), scripted("finish")
    assert take(held) is not None  # this process is the other one
    threading.Timer(0.3, finish, [held]).start()
    seen: list[Phase] = []
    end = run_cells(
        [held, free], door=fake_door, at_once=1, watch=lambda now: seen.append(now.runs[0].phase), tick_s=0.05
    )
    assert phases(end) == [Phase.FINISHED, Phase.FINISHED]
    assert attempts_of(held) == 0
    assert Phase.ELSEWHERE in seen


def _hold_for(run: RunFolder, taken: object, seconds: float) -> None:
    assert take(run) is not None
    taken.set()  # type: ignore[attr-defined]
    time.sleep(seconds)


def test_a_run_whose_holder_dies_is_taken_over(fake_door: Door, scripted: Scripted, attempts_of: Attempts) -> None:
    run, context = scripted("finish"), multiprocessing.get_context("spawn")
    taken = context.Event()
    other = context.Process(target=_hold_for, args=(run, taken, 0.2))
    other.start()
    assert taken.wait(20)
    assert status_of(run) is Status.RUNNING
    assert phases(launch(fake_door, [run])) == [Phase.FINISHED]
    assert attempts_of(run) == 1
    other.join()


def test_two_launchers_make_one_set_of_runs(fake_door: Door, scripted: Scripted, attempts_of: Attempts) -> None:
    runs = [scripted("finish") for _ in range(12)]
    ends: list[Snapshot] = []
    threads = [threading.Thread(target=lambda: ends.append(launch(fake_door, runs))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [attempts_of(run) for run in runs] == [1] * 12
    assert [phases(end) for end in ends] == [[Phase.FINISHED] * 12] * 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_runs_save_and_starts_no_more(
    number: int, fake_door: Door, scripted: Scripted, attempts_of: Attempts
) -> None:
    runs = [scripted("wait"), scripted("wait"), scripted("finish")]
    stop_when(lambda: all((run.path / "waiting").exists() for run in runs[:2]), number)
    end = launch(fake_door, runs)
    assert end.stopping
    assert phases(end) == [Phase.INTERRUPTED, Phase.INTERRUPTED, Phase.QUEUED]
    assert all((run.path / "saved").exists() for run in runs[:2])
    assert attempts_of(runs[2]) == 0


def test_a_second_signal_ends_runs_that_do_not_listen(fake_door: Door, scripted: Scripted) -> None:
    run = scripted("deaf")
    stop_when((run.path / "waiting").exists, signal.SIGINT, signal.SIGINT)
    end = launch(fake_door, [run])
    assert phases(end) == [Phase.INTERRUPTED]
    while status_of(run) is Status.RUNNING:  # the system takes a moment to bury the dead
        time.sleep(0.01)
    assert status_of(run) is Status.INTERRUPTED


def test_after_a_launch_the_signals_mean_what_they_did(fake_door: Door, scripted: Scripted) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    launch(fake_door, [scripted("finish")])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def stop_when(ready: Callable[[], bool], *signals: int) -> None:
    """Send signals to this process once something is so, with a pause between them."""

    def send() -> None:
        for number in signals:
            while not ready():
                time.sleep(0.01)
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    threading.Thread(target=send, daemon=True).start()


def test_a_snapshot_carries_how_far_a_run_is(fake_door: Door, scripted: Scripted) -> None:
    run = scripted("finish")
    run.metrics.write_text(
        '{"kind":"epoch","epoch":1,"epochs":4,"step":20,"steps":40,"loss":0.5,"top1_error_pct":12.5,"elapsed_s":3.0}\n'
    )
    progress = launch(fake_door, [run]).runs[0].progress
    assert progress is not None
    assert (progress.epoch, progress.values["top1_error_pct"]) == (1, 12.5)


def test_no_two_runs_have_a_gpu_at_the_same_time(fake_door: Door, scripted: Scripted) -> None:
    runs = [scripted("finish") for _ in range(9)]
    most: Counter[str] = Counter()

    def watch(snapshot: Snapshot) -> None:
        going = [state.run for state in snapshot.runs if state.phase is Phase.RUNNING]
        now = Counter(_gpus(run) for run in going)
        for gpus in now:
            most[gpus] = max(most[gpus], now[gpus])

    run_cells(runs, door=fake_door, at_once=3, gpus=("0", "1", "2,3"), watch=watch, tick_s=0.001)
    assert {_gpus(run) for run in runs} == {"0", "1", "2,3"}
    assert max(most[gpus] for gpus in ("0", "1", "2,3")) == 1


def test_more_runs_than_gpus_share_them_evenly(fake_door: Door, scripted: Scripted) -> None:
    runs = [scripted("wait") for _ in range(4)]
    stop_when(lambda: all((run.path / "waiting").exists() for run in runs), signal.SIGINT)
    run_cells(runs, door=fake_door, at_once=4, gpus=("0", "1"), tick_s=0.05)
    assert sorted(_gpus(run) for run in runs) == ["0", "0", "1", "1"]


def _gpus(run: RunFolder) -> str:
    """CUDA_VISIBLE_DEVICES of a run's newest attempt."""
    path = run.path / "attempts.txt"
    lines = path.read_text().splitlines() if path.exists() else []  # it may have been opened and not yet written
    return lines[-1].partition(" ")[2] if lines else ""
