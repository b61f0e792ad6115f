from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from an_cli.config import Composer, LaunchConfig
from an_cli.launch import Door, run_foreground
from an_cli.store import RunFolder


@pytest.fixture
def launch(composer: Composer) -> LaunchConfig:
    return composer.compose(["launch.tracking=none"]).launch


@pytest.mark.parametrize(("deed", "status"), [("finish", 0), ("fail", 1), ("killed", -9)])
def test_the_exit_status_is_the_runs(
    deed: str, status: int, fake_door: Door, launch: LaunchConfig, scripted: Callable[..., RunFolder]
) -> None:
    assert run_foreground(scripted(deed), fake_door, launch) == status


def test_a_signal_is_forwarded_and_the_run_saves(
    fake_door: Door, launch: LaunchConfig, scripted: Callable[..., RunFolder]
) -> None:
    run = scripted("wait")

    def stop() -> None:
        while not (run.path / "waiting").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop, daemon=True).start()
    assert run_foreground(run, fake_door, launch) == 130
    assert (run.path / "saved").exists()
