"""A run that will be ended at a known time stops before it, saved."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from an_cli.train import StopFlag


@pytest.fixture
def flag() -> Iterator[StopFlag]:
    before = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGUSR1)}
    yield StopFlag(insists=False)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_clock_stops_a_run_ahead_of_its_end(flag: StopFlag) -> None:
    flag.end_at(time.monotonic() + 1000.0, reserve_s=100.0)
    assert flag.received is None
    assert 890 < signal.getitimer(signal.ITIMER_REAL)[0] <= 900
    flag.keep_free(300.0)
    assert 690 < signal.getitimer(signal.ITIMER_REAL)[0] <= 700
    flag.keep_free(10.0)
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= 700, "less than was reserved frees nothing"


def test_an_end_that_has_come_stops_at_once(flag: StopFlag) -> None:
    flag.end_at(time.monotonic() - 1.0, reserve_s=0.0)
    signal.sigtimedwait([], 1.0)
    assert flag.received == signal.SIGALRM


def test_without_a_known_end_nothing_is_kept_free(flag: StopFlag) -> None:
    flag.keep_free(1e9)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_one_cause_that_comes_as_several_signals_lets_a_run_save(flag: StopFlag) -> None:
    flag.install()
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
        signal.raise_signal(number)
    assert flag.received == signal.SIGUSR1
