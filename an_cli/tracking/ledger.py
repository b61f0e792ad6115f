"""Where a run is sent, and who may send it: one mirror at a time, which holds a numbered mark beside the claims.

The mark is taken as claims are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from an_cli.files import cannot_write, part_name
from an_cli.store import Holder, Life, RunFolder, this_process
from an_cli.store.claims import SILENT_S, holder_life
from an_cli.store.clock import disk_time
from an_cli.store.numbered import link_once

_MARK = "mirror-"


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
        if taken and any(_lives(run, other) for other in _marks(run) - {number + 1}):  # what was seen is old news
            own.unlink(missing_ok=True)
            taken = False
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


def _marks(run: RunFolder) -> set[int]:
    try:
        names = os.listdir(run.claims)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    numbers = [name.removeprefix(_MARK) for name in names if name.startswith(_MARK)]
    return {int(number) for number in numbers if number.isdigit()}


def _newest(run: RunFolder) -> int:
    return max(_marks(run), default=0)


def _lives(run: RunFolder, number: int) -> bool:
    path = run.claims / f"{_MARK}{number}"
    try:
        beat_at = path.stat().st_mtime
        holder = Holder(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return False
    except OSError:
        return True
    except (ValueError, TypeError):  # torn by a power cut: no process can be looked for, silence decides
        return disk_time(run.path.parent) - beat_at <= SILENT_S
    return holder_life(holder, lambda: disk_time(run.path.parent) - beat_at) is not Life.DEAD
