"""The reader of offline files: it says what was logged, as W&B's own viewer and W&B's own upload do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tracking.conftest import Sdk
from tests.tracking.wandb_file import NotWandb, leet_summary, read_offline
from tests.tracking.wandb_service import Service, wandb_service

LOGGED = """
    import os, signal, sys, time, wandb
    run = wandb.init(
        project="p", id="r1", group="table1", job_type="train", name="RSD + A2", notes="a note", tags=["an_bn"],
        config={"norm": {"kind": "an_bn", "components": [10, 20]}, "seed": 0},
        settings=wandb.Settings(x_transaction_log_flush_interval=0.2),
    )
    run.define_metric("evaluation/*", step_metric="epoch")
    for step in range(600):
        run.log({"loss": 1 / (step + 1), "nested": {"lr": 0.5}})
    run.summary["best"] = 2.5
    if "kill" in sys.argv:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)
    run.finish(exit_code=3)
"""
OFFLINE = {"WANDB_MODE": "offline"}


def _file(home: Path) -> Path:
    (path,) = home.glob("wandb/offline-run-*/*.wandb")
    return path


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one offline run, made once."""
    home = tmp_path_factory.mktemp("offline")
    with wandb_service() as service:
        assert Sdk(service, home).run(LOGGED, environment=OFFLINE).returncode == 0
    return _file(home).parent


@pytest.fixture
def logged(whole_run: Path, sdk: Sdk) -> Path:
    """A copy of it that a test may damage."""
    copied = sdk.home / "wandb" / whole_run.name
    shutil.copytree(whole_run, copied, symlinks=True)
    return _file(sdk.home)


def test_an_offline_file_says_what_was_logged(logged: Path, sdk: Sdk) -> None:
    run = read_offline(logged)
    assert {key: value for key, value in run.config.items() if key != "_wandb"} == {
        "norm": {"kind": "an_bn", "components": [10, 20]},
        "seed": 0,
    }
    assert (run.id, run.project, run.group, run.job_type) == ("r1", "p", "table1", "train")
    assert (run.name, run.notes, run.tags, run.end, run.torn) == ("RSD + A2", "a note", ["an_bn"], 3, False)
    assert [row["_step"] for row in run.history] == list(range(600))
    assert [row["loss"] for row in run.history] == [1 / (step + 1) for step in range(600)]
    assert run.history[9]["nested"] == {"lr": 0.5}
    assert run.metrics == {"evaluation/*": "epoch"}
    assert run.summary["best"] == 2.5
    viewer = leet_summary(logged, sdk.environment())
    assert (viewer["state"], viewer["exit_code"], viewer["step"]) == ("failed", 3, 599)
    assert viewer["config"] == {key: value for key, value in run.config.items() if key != "_wandb"}
    assert viewer["summary"] == {key: value for key, value in run.summary.items() if key != "_wandb"}


def test_what_wandb_sync_uploads_is_what_the_reader_reads(logged: Path, service: Service, sdk: Sdk) -> None:
    sync = "import subprocess, sys; raise SystemExit(subprocess.call([sys.executable, '-m', 'wandb', *sys.argv[1:]]))"
    sdk(sync, "sync", "--yes", str(logged.parent))
    uploaded, read = service.runs["lab", "p", "r1"], read_offline(logged)
    assert uploaded.history == read.history
    assert uploaded.config == {key: value for key, value in read.config.items() if key != "_wandb"}
    assert (uploaded.group, uploaded.name, uploaded.tags) == (read.group, read.name, read.tags)
    assert (uploaded.exit_code, uploaded.state) == (3, "failed")


def test_a_killed_run_has_no_end(sdk: Sdk) -> None:
    assert sdk.run(LOGGED, "kill", environment=OFFLINE).returncode == -9
    run = read_offline(_file(sdk.home))
    assert run.end is None
    assert [row["_step"] for row in run.history] == list(range(600))
    assert leet_summary(_file(sdk.home), sdk.environment())["state"] == "running"


@pytest.mark.parametrize("cut", [1, 3, 8, 40, 70_000])
def test_a_torn_tail_loses_only_itself(logged: Path, cut: int) -> None:
    whole = read_offline(logged)
    logged.write_bytes(logged.read_bytes()[:-cut])
    run = read_offline(logged)
    assert run.torn
    assert run.end is None
    assert run.history == whole.history[: len(run.history)]
    assert run.history


def test_damage_is_told_from_a_torn_tail(logged: Path) -> None:
    content = bytearray(logged.read_bytes())
    content[2000] ^= 1
    logged.write_bytes(content)
    with pytest.raises(NotWandb, match="checksum"):
        read_offline(logged)
    logged.write_bytes(b"{}")
    with pytest.raises(NotWandb, match="begin"):
        read_offline(logged)
