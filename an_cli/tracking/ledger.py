"""What was sent of a run, by where it was sent to: `tracking.json` in the run's folder; and who may send.

One mirror at a time sends a run: it holds a numbered mark beside the claims, taken as claims are. Its record is only a
shortcut: the service itself knows which steps it has, and a file is written whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

from an_cli.config import LaunchConfig, read
from an_cli.config.launching import Tracking
from an_cli.errors import AnError, StoreError
from an_cli.files import cannot_write, part_name, read_json, write_json
from an_cli.mirror import account_settings
from an_cli.store import Holder, Life, RunFolder, this_process
from an_cli.store.claims import holder_life
from an_cli.store.clock import disk_time
from an_cli.store.links import link_once

_MARK = "mirror-"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What one place has of a run.

    Attributes:
        id: the run's there.
        url: where a person looks at it.
        claim: number of the attempt up to whose end, or present state, was sent.
        points: how many points of its metrics.
        whole: whether that is all there was of an attempt that had ended, with its end.
        error: why not.
    """

    id: str = ""
    url: str = ""
    claim: int = 0
    points: int = 0
    whole: bool = False
    error: str = ""


def destination(launch: LaunchConfig) -> str:
    """Where runs with these settings are shown, as a key of the ledger."""
    if launch.tracking is Tracking.TENSORBOARD or launch.wandb is None:
        return str(launch.tracking)
    own = launch.wandb
    service = account_settings().service.partition("://")[2]
    return f"wandb {own.mode} {service} {own.entity or ''}/{own.project}"


def read_sent(run: RunFolder) -> dict[str, Sent]:
    """What was sent, by destination; nothing where the ledger is missing or does not read."""
    try:
        return {str(key): read(Sent, value, error=StoreError) for key, value in read_json(run.tracking).items()}
    except (AnError, AttributeError):
        return {}


def record(run: RunFolder, place: str, sent: Sent) -> None:
    """Write down what one destination has. A disk that takes no word is no reason to send no more."""
    with suppress(AnError):
        write_json(run.tracking, {key: asdict(one) for key, one in {**read_sent(run), place: sent}.items()})


def failed(run: RunFolder, place: str, error: str) -> None:
    """Write down why a destination was not reached."""
    record(run, place, replace(read_sent(run).get(place, Sent()), error=error, whole=False))


@contextmanager
def sending(run: RunFolder) -> Iterator[bool]:
    """The right to send a run, for as long; False where another mirror that may be alive has it.

    Raises:
        StoreError: the folder cannot be written.
    """
    number = _newest(run)
    if number and _lives(run, number):
        yield False
        return
    own = run.claims / f"{_MARK}{number + 1}"
    part = part_name(own)
    try:
        run.claims.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(asdict(this_process())))
        try:
            taken = link_once(part, own)
        finally:
            part.unlink(missing_ok=True)
        if taken:
            (run.claims / f"{_MARK}{number}").unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(own, error) from error
    try:
        yield taken
    finally:
        if taken:
            own.unlink(missing_ok=True)


def beat(run: RunFolder) -> None:
    """Say that this process still sends a run; for machines that cannot see it."""
    with suppress(OSError):
        os.utime(run.claims / f"{_MARK}{_newest(run)}")


def _newest(run: RunFolder) -> int:
    try:
        names = os.listdir(run.claims)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    numbers = [name.removeprefix(_MARK) for name in names if name.startswith(_MARK)]
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _lives(run: RunFolder, number: int) -> bool:
    path = run.claims / f"{_MARK}{number}"
    try:
        holder, beat_at = Holder(**json.loads(path.read_bytes())), path.stat().st_mtime
    except FileNotFoundError:
        return False
    except (OSError, ValueError, TypeError):
        return True
    return holder_life(holder, lambda: disk_time(run.path.parent) - beat_at) is not Life.DEAD
