"""Whether a run is mirrored, by W&B's own settings; and the process that does it, which nobody waits for too long."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from an_cli.config import LaunchConfig, compose
from an_cli.config.launching import Tracking, WandbMode
from an_cli.mirror import CLOSE_S, Mirror, account_settings, descendants, destination, kill_tree, resolve
from an_cli.store import RunFolder, Store, take
from tests.warm import wait_for

KEY = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, in whose folder nothing is either."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settled(home: Path, *words: str, **environment: str) -> tuple[str, str | None]:
    """Tracker and mode that launch words come to in an environment."""
    launch = resolve(compose(list(words)).launch, {"HOME": str(home), **environment})
    assert launch.wandb is not None
    return launch.tracking, launch.wandb.mode


def test_without_an_account_nothing_is_mirrored(home: Path) -> None:
    assert settled(home) == ("none", None)
    assert settled(home, WANDB_MODE="online") == ("none", None)


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"WANDB_API_KEY": KEY}, "online"),
        ({"WANDB_IDENTITY_TOKEN_FILE": "/run/token"}, "online"),
        ({"WANDB_MODE": "offline"}, "offline"),
        ({"WANDB_MODE": "dryrun"}, "offline"),
        ({"WANDB_MODE": " Offline ", "WANDB_API_KEY": KEY}, "offline"),
        ({"WANDB_MODE": "run", "WANDB_API_KEY": KEY}, "online"),
    ],
    ids=str,
)
def test_the_environment_says_that_w_and_b_is_used(home: Path, environment: dict[str, str], mode: str) -> None:
    assert settled(home, **environment) == ("wandb", mode)


@pytest.mark.parametrize(
    "environment", [{"WANDB_MODE": "disabled"}, {"WANDB_MODE": "dummy"}, {"WANDB_DISABLED": "true"}], ids=str
)
def test_switched_off_is_off_whatever_account_is_there(home: Path, environment: dict[str, str]) -> None:
    assert settled(home, WANDB_API_KEY=KEY, **environment)[0] == "none"


def test_a_login_is_an_account_of_its_service_alone(home: Path) -> None:
    netrc = home / ".netrc"
    netrc.write_text(f"machine api.wandb.ai\n  login user\n  password {KEY}\n")
    netrc.chmod(0o600)
    assert settled(home) == ("wandb", "online")
    assert settled(home, WANDB_BASE_URL="https://wandb.lab.example") == ("none", None)
    elsewhere = home / "netrc-of-the-lab"
    elsewhere.write_text(f"machine wandb.lab.example login user password {KEY}\n")
    assert settled(home, NETRC=str(elsewhere), WANDB_BASE_URL="https://wandb.lab.example:8080") == ("wandb", "online")
    netrc.write_text("machine api.wandb.ai login")
    assert settled(home) == ("none", None)


def test_settings_files_count_after_the_environment(home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings").write_text("[default]\nmode = offline\nbase_url = https://wandb.lab.example\n")
    own = {"HOME": str(home), "WANDB_CONFIG_DIR": str(home / "config")}
    settings = account_settings(own)
    assert (settings.mode, settings.service) == (WandbMode.OFFLINE, "https://wandb.lab.example")
    assert account_settings({**own, "WANDB_MODE": "online"}).mode is WandbMode.ONLINE
    (home / "wandb").mkdir()
    (home / "wandb" / "settings").write_text("[default]\nmode = disabled\n")
    assert account_settings(own).off
    (home / "wandb" / "settings").write_text("no settings at all \udcff", errors="surrogateescape")
    assert not account_settings(own).off


@pytest.mark.parametrize("tracking", ["none", "tensorboard"])
def test_another_tracker_asks_no_settings(home: Path, tracking: str) -> None:
    assert settled(home, f"launch.tracking={tracking}", WANDB_API_KEY=KEY) == (tracking, None)


def test_what_is_named_is_taken(home: Path) -> None:
    assert settled(home, "launch.tracking=wandb") == ("wandb", "online")
    assert settled(home, "launch.wandb.mode=offline", WANDB_API_KEY=KEY) == ("wandb", "offline")
    assert settled(home, "launch.tracking=wandb", "launch.wandb.mode=online", WANDB_MODE="offline")[1] == "online"


FAKE = """
import json, os, subprocess, sys, time
{before}
for line in sys.stdin:
    with open({told!r}, "a") as file:
        file.write(line)
{after}
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = Store(tmp_path / "store").run("0" * 16)
    run.path.mkdir(parents=True)
    return run


@pytest.fixture
def launch() -> LaunchConfig:
    return compose(["launch.tracking=tensorboard"]).launch


Fake = Callable[..., Mirror]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    """A mirror whose process is a script; nothing of it is left afterwards."""
    made: list[Mirror] = []

    def make(before: str = "", after: str = "") -> Mirror:
        program = FAKE.format(before=before, after=after, told=str(tmp_path / "told"))
        made.append(Mirror(tmp_path / "log" / "mirror.log", (sys.executable, "-c", program)))
        return made[-1]

    yield make
    for mirror in made:
        mirror.close(0.0)


def told(tmp_path: Path) -> list[dict[str, object]]:
    path = tmp_path / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_it_is_told_each_run_with_the_claim_before_its_attempt(
    fake: Fake, run: RunFolder, launch: LaunchConfig, tmp_path: Path
) -> None:
    mirror = fake()
    mirror.follow(run, launch)
    assert take(run) is not None
    mirror.follow(run, launch)
    mirror.close()
    orders = [{"run": str(run.path), "after": number, "follow": True} for number in (0, 1)]
    assert told(tmp_path) == orders


def test_without_a_tracker_no_process_starts(fake: Fake, run: RunFolder, tmp_path: Path) -> None:
    mirror = fake()
    for tracking in (Tracking.NONE, Tracking.AUTO):
        mirror.follow(run, compose([f"launch.tracking={tracking}"]).launch)
    mirror.close()
    assert not (tmp_path / "log").exists()


def pid_of(mirror: Mirror) -> int:
    assert mirror._process is not None
    return mirror._process.pid


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_one_that_is_stopped_is_ended_in_time_with_all_that_it_started(
    fake: Fake, run: RunFolder, launch: LaunchConfig, tmp_path: Path
) -> None:
    mirror = fake(before="child = subprocess.Popen(['sleep', '1000'], start_new_session=True)")
    mirror.follow(run, launch)
    wait_for(lambda: told(tmp_path))
    pid = pid_of(mirror)
    (child,) = descendants(pid)
    os.kill(pid, signal.SIGSTOP)
    os.kill(child, signal.SIGSTOP)
    mirror.close(0.3)
    assert is_gone(pid)
    wait_for(lambda: is_gone(child), 10)


def test_one_that_does_not_read_keeps_no_launcher_waiting(fake: Fake, run: RunFolder, launch: LaunchConfig) -> None:
    mirror = fake(before="time.sleep(1000)")
    for _ in range(2000):  # more than a pipe holds
        mirror.follow(run, launch)
    mirror.close(0.1)


@pytest.mark.parametrize("deed", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_one_that_is_gone_hurts_nobody(fake: Fake, run: RunFolder, launch: LaunchConfig, deed: str) -> None:
    mirror = fake(before=deed)
    mirror.follow(run, launch)
    wait_for(lambda: is_gone(pid_of(mirror)))
    mirror.follow(run, launch)
    mirror.close()


def test_one_that_cannot_start_hurts_nobody(run: RunFolder, launch: LaunchConfig, tmp_path: Path) -> None:
    for mirror in (Mirror(tmp_path / "log", ("/no/such/program",)), Mirror(run.path / "x", (sys.executable,))):
        (run.path / "x").mkdir(exist_ok=True)
        mirror.follow(run, launch)
        mirror.close()


def test_the_time_it_gets_is_within_what_is_promised() -> None:
    from an_cli.tracking.crew import END_S

    assert END_S < CLOSE_S < 5.0


def test_a_whole_tree_is_killed() -> None:
    tree = subprocess.Popen(["sh", "-c", "setsid sh -c 'sleep 1000 & sleep 1000' & sleep 1000"], start_new_session=True)
    wait_for(lambda: len(descendants(tree.pid)) >= 4)
    members = descendants(tree.pid)
    kill_tree(tree.pid)
    tree.wait()
    wait_for(lambda: all(map(is_gone, members)), 10)


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Callable[[], Mirror]]:
    mirrors: list[Mirror] = []

    def start() -> Mirror:
        mirrors.append(Mirror(tmp_path / "mirror.log"))
        return mirrors[-1]

    yield start
    for mirror in mirrors:
        mirror.close(0.0)


def test_a_run_that_ends_is_shown_whole_and_nobody_is_left(
    crew: Callable[[], Mirror], make_run: Callable[..., RunFolder]
) -> None:
    """The real process, fed by records as they come."""
    from an_cli.files import append_line
    from an_cli.store.sent import read_sent

    run = make_run(overrides=["launch.tracking=tensorboard"])
    mirror = crew()
    mirror.follow(run, compose(["launch.tracking=tensorboard"]).launch)
    claim = take(run)
    assert claim is not None
    for step in range(1, 6):
        append_line(run.metrics, {"kind": "step", "step": step, "steps": 10, "epochs": 1, "epoch": 0, "loss": 1.0})
    wait_for(lambda: list(Store(run.path.parent.parent).root.glob("tensorboard/**/events*")))
    family = [pid_of(mirror), *descendants(pid_of(mirror))]
    assert len(family) == 2
    claim.release("stopped by signal 15")
    mirror.close()
    sent = read_sent(run)["tensorboard"]
    assert (sent.points, sent.whole, sent.claim, sent.error) == (5, True, 1, "")
    assert all(map(is_gone, family))
    assert not [name for name in os.listdir(run.claims) if name.startswith("mirror-")]


def test_a_mirror_waits_for_the_one_before_it(crew: Callable[[], Mirror], make_run: Callable[..., RunFolder]) -> None:
    """As after a requeue: the attempt before has ended, and its mirror still sends."""
    from an_cli.store.sent import read_sent
    from an_cli.tracking.ledger import sending

    run = make_run(overrides=["launch.tracking=tensorboard"])
    with contextlib.ExitStack() as before:
        assert before.enter_context(sending(run))
        mirror = crew()
        mirror.follow(run, compose(["launch.tracking=tensorboard"]).launch)
        claim = take(run)
        assert claim is not None
        claim.release("stopped by signal 15")
        time.sleep(1.5)
        assert read_sent(run) == {}
    mirror.close()
    assert read_sent(run)["tensorboard"].whole


def test_a_password_in_the_services_address_is_in_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a destination is written to runs' folders and printed."""
    launch = compose(["launch.tracking=wandb"]).launch
    monkeypatch.setenv("WANDB_BASE_URL", "https://user:s3cret@wandb.lab:8080")
    assert "s3cret" not in destination(launch)
    assert " wandb.lab:8080 " in destination(launch)
