"""A mirror is a process of its own, started by name: it feeds a run's records to a tracker, and can be killed.

Who starts runs (a launcher here, the job's process on SLURM) starts one mirror for all of them, names each run when it
starts, and lets it go at the end. Nothing of a tracker is imported here, and no run waits for one.
"""

from __future__ import annotations

import configparser
import dataclasses
import json
import netrc
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from an_cli.config import LaunchConfig
from an_cli.config.launching import Tracking, WandbMode
from an_cli.store import RunFolder
from an_cli.store.claims import newest_claim

CLOSE_S = 3.8  # the end of a command, or of a job, may be delayed by 5 s, with all that is to be ended then
COMMAND = (sys.executable, "-P", "-m", "an_cli.tracking")  # and a verb
_SERVICE = "https://api.wandb.ai"
_OFF = {"disabled", "dummy"}
_OFFLINE = {"offline", "dryrun"}


def resolve(launch: LaunchConfig, environment: Mapping[str, str] | None = None) -> LaunchConfig:
    """Launch settings with `tracking: auto` decided, and W&B's mode written out.

    Args:
        launch: as composed.
        environment: None is this process's.
    """
    if launch.wandb is None or launch.tracking in (Tracking.NONE, Tracking.TENSORBOARD):
        return launch
    own = account_settings(environment)
    wanted = launch.wandb.mode or own.mode
    if launch.tracking is Tracking.AUTO and (own.off or not (own.account or own.mode is WandbMode.OFFLINE)):
        return dataclasses.replace(launch, tracking=Tracking.NONE)
    mode = wanted or WandbMode.ONLINE
    return dataclasses.replace(launch, tracking=Tracking.WANDB, wandb=dataclasses.replace(launch.wandb, mode=mode))


@dataclasses.dataclass(frozen=True)
class AccountSettings:
    """What W&B's own settings say, read as its SDK reads them: the environment before the files.

    Attributes:
        off: it is switched off.
        mode: that they name; None where they name none.
        account: a key, a token's file or a login is there.
        service: address of the service.
        key: that opens it; empty where there is none, or where a token's file is to be asked.
    """

    off: bool
    mode: WandbMode | None
    account: bool
    service: str
    key: str = dataclasses.field(default="", repr=False)


def account_settings(environment: Mapping[str, str] | None = None) -> AccountSettings:
    """What W&B's own settings say.

    Args:
        environment: None is this process's.
    """
    own = os.environ if environment is None else environment
    files = _files(own)
    word = (own.get("WANDB_MODE") or files.get("mode", "")).strip().lower()
    off = word in _OFF or own.get("WANDB_DISABLED", "").strip().lower() in ("1", "true", "yes")
    mode = WandbMode.OFFLINE if word in _OFFLINE else WandbMode.ONLINE if word == "online" else None
    service = own.get("WANDB_BASE_URL") or files.get("base_url") or _SERVICE
    key = own.get("WANDB_API_KEY") or _login(own, service)
    return AccountSettings(off, mode, bool(key or own.get("WANDB_IDENTITY_TOKEN_FILE")), service, key)


def _files(environment: Mapping[str, str]) -> Mapping[str, str]:
    home = environment.get("WANDB_CONFIG_DIR") or os.path.join(environment.get("HOME", ""), ".config", "wandb")
    parser = configparser.ConfigParser()
    with suppress(configparser.Error, OSError, UnicodeError):
        parser.read([os.path.join(home, "settings"), os.path.join("wandb", "settings")])
    return dict(parser["default"]) if parser.has_section("default") else {}


def _login(environment: Mapping[str, str], service: str) -> str:
    """The key that `wandb login` has left for a service; empty where it has not."""
    path = environment.get("NETRC") or os.path.join(environment.get("HOME", ""), ".netrc")
    try:
        login = netrc.netrc(path).authenticators(urlsplit(service).hostname or "")
    except (OSError, netrc.NetrcParseError, UnicodeError):
        return ""
    return login[2] if login else ""


def destination(launch: LaunchConfig) -> str:
    """Where runs with these settings are shown, as a key of the ledger."""
    if launch.tracking is Tracking.TENSORBOARD or launch.wandb is None:
        return str(launch.tracking)
    own = launch.wandb
    service = account_settings().service.partition("://")[2].rpartition("@")[2]  # a user and a password are no name
    return f"wandb {own.mode} {service} {own.entity or ''}/{own.project}"


class Mirror:
    """The mirror of one command's runs, or of one job's. It starts with the first run that has a tracker.

    Nothing here raises: a mirror that cannot be started, or is gone, is a run that `an-cli sync` sends later.
    """

    def __init__(self, log: Path, command: tuple[str, ...] = COMMAND) -> None:
        """`log` takes what the process says; its folder need not exist."""
        self._log, self._command = log, command
        self._process: subprocess.Popen[bytes] | None = None

    def follow(self, run: RunFolder, launch: LaunchConfig) -> None:
        """Mirror a run from the attempt that is about to start. Call it before that attempt can have its claim."""
        if launch.tracking in (Tracking.NONE, Tracking.AUTO):
            return
        with suppress(OSError, ValueError):  # ValueError: its end of the pipe was closed
            request = {"run": str(run.path), "after": newest_claim(run), "follow": True}
            stdin = (self._process or self._start()).stdin
            assert stdin is not None
            stdin.write(json.dumps(request).encode() + b"\n")  # whole or, where nobody reads any more, not at all

    def _start(self) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, "follow"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)  # a mirror that is stopped keeps no launcher waiting
        return self._process

    def close(self, limit_s: float = CLOSE_S) -> None:
        """Let it send what is left, for so long; then end it with all that it has started."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            process.wait()


def kill_tree(pid: int) -> None:
    """Kill a process and all that descend from it, those in sessions of their own as well."""
    for each in (pid, *descendants(pid)):
        with suppress(OSError):
            os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Processes that descend from one, nearest first."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(name))
    order = [pid]
    for parent in order:
        order += parents.get(parent, [])
    return order[1:]
