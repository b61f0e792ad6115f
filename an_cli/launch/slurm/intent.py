"""What is on disk before sbatch is called, so that a job can be found again whatever happens to its submitter.

A folder `.an-cli/jobs/<token>/` per array: `intent.json` first; then `tasks` (a line of run folders per element) and
`job.sh`; an empty `called` just before sbatch; `job` with the id once it is known, or `refused` with what SLURM said.
The token is part of the job's name.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from an_cli.errors import AnError
from an_cli.files import cannot_write, read_json, sync_folder, write_atomic, write_json
from an_cli.store import Holder, Life, RunFolder, Store, holder_life, this_process
from an_cli.store.clock import disk_time

SBATCH_GONE_S = 75.0  # after so long no sbatch of a lost submitter can still be at work (see `scheduler.Commands`)
_TOKEN = re.compile(r"\.([0-9a-f]{12})$")


@dataclass(frozen=True)
class Intent:
    """The folder of one array."""

    folder: Path

    @property
    def token(self) -> str:
        """Names the folder, and ends the job's name."""
        return self.folder.name

    @property
    def script(self) -> Path:
        """What sbatch is given."""
        return self.folder / "job.sh"

    @property
    def tasks(self) -> Path:
        """Run folders, a line per element of the array, separated by tabs."""
        return self.folder / "tasks"

    @property
    def called(self) -> Path:
        """Exists once sbatch may have been called."""
        return self.folder / "called"

    def output(self, job: str, task: int | None) -> Path:
        """What a job prints before its run has a log, and after; `task` is None for a job that is no array's."""
        return self.folder / (f"{job}.out" if task is None else f"{job}_{task}.out")

    def announce(self, study: str, about: Mapping[str, Any]) -> None:
        """Make the folder, and say who submits what. On disk when this returns.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            self.folder.mkdir(parents=True)
            sync_folder(self.folder.parent)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        value = {"study": study, "submitter": asdict(this_process()), "created_at": time.time(), **about}
        write_json(self.folder / "intent.json", value)

    def prepare(self, script: str, tasks: Sequence[Sequence[RunFolder]]) -> None:
        """Write what the job will read."""
        lines = ["\t".join(str(run.path) for run in runs) for runs in tasks]
        write_atomic(self.tasks, "".join(f"{line}\n" for line in lines))
        write_atomic(self.script, script)

    def runs_of(self, task: int) -> list[RunFolder]:
        """The runs of one element; none where that is not on record."""
        try:
            line = self.tasks.read_text().splitlines()[task]
        except (OSError, IndexError):
            return []
        return [RunFolder(Path(folder)) for folder in line.split("\t") if folder]

    def call(self) -> None:
        """From here on the job may exist."""
        write_atomic(self.called, b"")

    def accept(self, job: str) -> None:
        """The job exists, under this id."""
        if not self.folder.is_dir():  # removed by hand meanwhile
            return
        write_atomic(self.folder / "job", f"{job}\n")

    def refuse(self, what: str) -> None:
        """The job does not exist, and never will."""
        write_atomic(self.folder / "refused", f"{what}\n")


def new_intent(store: Store) -> Intent:
    """An intent with a token of its own; nothing is on disk yet."""
    return Intent(store.jobs / secrets.token_hex(6))


def job_name(study: str, token: str) -> str:
    """The job's name in the queue: what people read, then the token."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', study)[:40]}.{token}"


def token_of(name: str) -> str:
    """The token in a job's name; empty when the job is none of ours."""
    match = _TOKEN.search(name.strip())
    return match[1] if match else ""


@dataclass(frozen=True, kw_only=True)
class IntentState:
    """What the disk says of a submission.

    Attributes:
        job: the array's id; None while it is not known.
        refused: what SLURM said when it did not take the job.
        submitting: its submitter, or the sbatch of a submitter that died, may still be at work.
        called: sbatch may have been called.
        age_s: seconds since the last of these happened.
        there: its folder is; one that was removed has taken what its job would read with it.
        owner: user id of its submitter; None where that is not to be seen.
        array: whether the job is an array's element.
    """

    job: str | None
    refused: str | None
    submitting: bool
    called: bool
    age_s: float
    there: bool = True
    owner: int | None = None
    array: bool = True

    @property
    def others(self) -> bool:
        """Whether another user has submitted it."""
        return self.owner is not None and self.owner != os.getuid()


def user_name(uid: int | None) -> str:
    """The name of a user, or the number where this machine does not know it."""
    try:
        return pwd.getpwuid(-1 if uid is None else uid).pw_name
    except (KeyError, OverflowError):
        return f"user {uid}"


def read_intent(store: Store, token: str) -> IntentState:
    """What the disk says of a submission; an intent that is not there was never called."""
    intent = Intent(store.jobs / token)
    job, refused = _text(intent.folder / "job"), _text(intent.folder / "refused")
    called = intent.called.exists()
    settled = job is not None or refused is not None
    latest = intent.folder / ("job" if job else "called" if called else "intent.json")
    age_s = _age_s(latest)
    return IntentState(
        job=job,
        refused=refused,
        submitting=not settled and _at_work(intent, called, _age_on_disk_s(latest, store)),
        called=called,
        age_s=age_s,
        there=intent.folder.is_dir(),
        owner=_owner(intent.folder / "intent.json"),
        array=_is_array(intent.folder / "intent.json"),
    )


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _is_array(path: Path) -> bool:
    try:
        return bool(read_json(path).get("array", True))
    except (AnError, AttributeError):
        return True


def _at_work(intent: Intent, called: bool, age_s: float) -> bool:
    try:
        value = read_json(intent.folder / "intent.json")
        submitter = Holder(**value["submitter"])
    except (AnError, TypeError, KeyError):
        return age_s < SBATCH_GONE_S
    life = holder_life(submitter, lambda: age_s)
    if life is Life.DEAD and submitter.host == this_process().host and submitter.boot == this_process().boot:
        return called and _named_in_a_process(intent.token)
    if life is Life.DEAD:
        return called and age_s < SBATCH_GONE_S
    # It lives as far as is known. Once it has called sbatch it can only wait for the answer, which ends; before that,
    # one on a machine that cannot be seen is given up after the same time.
    return (life is Life.ALIVE and not called) or age_s < SBATCH_GONE_S


def _named_in_a_process(token: str) -> bool:
    """Whether a process of this machine has the token on its command line: an sbatch that outlived its submitter."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and token.encode() in _command_line(entry) and b"sbatch" in _command_line(entry):
            return True
    return False


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _age_on_disk_s(path: Path, store: Store) -> float:
    """As `_age_s`, where the clocks of two hosts decide whether somebody still is at work."""
    try:
        return max(0.0, disk_time(store.jobs.parent) - path.stat().st_mtime)
    except OSError:
        return float("inf")


def _age_s(path: Path) -> float:
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return float("inf")
