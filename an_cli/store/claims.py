"""Who may write into a run folder: numbered claims.

An attempt takes claim n+1 by an atomic link, which only one contender can do, and removes the older ones. It checks
before every write that no newer claim exists and stops when one does: on a real cluster the process of a lost node
goes on writing after its job was requeued. The holder's process identity says whether it still lives, where this
machine can see it; elsewhere the claim's modification time is its heartbeat, on the file server's clock.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from an_cli.errors import Fenced, StoreError
from an_cli.files import cannot_write, write_json
from an_cli.store.clock import disk_time
from an_cli.store.endings import Ending
from an_cli.store.folder import RunFolder
from an_cli.store.numbered import add_record, newest_number

HEARTBEAT_S = 10.0
_AGAIN_S = (0.2, 1.0, 5.0)  # a network disk that does not answer is asked again after so long
SILENT_S = 180.0  # a holder on another machine without a heartbeat for so long is taken for dead


class Life(StrEnum):
    """What is known of a claim's holder."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process, named so that a recycled pid is not taken for it.

    A process that a scheduler started also says which job it is (`job`), of which submission of this run, and how often
    that job was started before (`restart`). `left` is how it ended, once it has said so itself.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str
    job: str = ""
    submission: int = 0
    restart: int = 0
    left: str = ""

    @property
    def turn(self) -> tuple[int, int]:
        """Order among the jobs of a run: SLURM, or the submitter, has given up what came earlier."""
        return self.submission, self.restart


@cache
def _machine() -> tuple[str, str, str]:
    return socket.gethostname(), _read("/proc/sys/kernel/random/boot_id"), _namespace()


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time of a process in clock ticks after boot; empty when there is no such process, or it is a zombie."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""


def this_process(job: str = "", submission: int = 0, restart: int = 0) -> Holder:
    """The calling process as a holder."""
    host, boot, namespace = _machine()
    return Holder(
        host=host,
        boot=boot,
        namespace=namespace,
        pid=os.getpid(),
        started=_started(os.getpid()),
        job=job,
        submission=submission,
        restart=restart,
    )


@dataclass(frozen=True)
class Claim:
    """The right to write into a run folder, held by this process until a newer claim exists."""

    run: RunFolder
    number: int

    def check(self) -> None:
        """Make sure that this attempt still owns the folder.

        Raises:
            Fenced: a newer attempt does, or the folder is gone.
            StoreError: the disk does not answer, several times in a row.
        """
        newest = self._newest()
        if newest != self.number:
            raise Fenced(
                f"attempt {self.number} found {'attempt ' + str(newest) if newest else 'no claim'}",
                where=self.run.id,
                now="nothing: the newer attempt goes on, this one stops",
            )

    def _newest(self) -> int:
        for wait_s in (*_AGAIN_S, None):
            try:
                return newest_claim(self.run)
            except OSError as error:
                if wait_s is None:
                    raise StoreError(
                        f"the claims cannot be listed: {error.strerror}", where=self.run.id, now="look at the disk"
                    ) from error
                time.sleep(wait_s)
        raise AssertionError

    def beat(self) -> None:
        """Renew the heartbeat.

        Raises:
            Fenced: a newer attempt owns the folder, or the folder is gone.
            StoreError: the disk does not answer.
        """
        try:
            os.utime(self.run.claims / str(self.number))
        except OSError:
            self.check()

    def release(self, how: str = Ending.RELEASED) -> None:
        """Let go: from now on every machine knows that the holder is gone. The number stays taken, which fences.

        Args:
            how: how the attempt ended, in a few words.
        """
        holder = read_holder(self.run)
        with suppress(StoreError):
            self.check()
            with suppress(OSError):
                self.run.doing.unlink(missing_ok=True)
            if holder is not None:
                write_json(self.run.claims / str(self.number), asdict(replace(holder, left=how)))


def read_holder(run: RunFolder) -> Holder | None:
    """The holder of the newest claim; None when there is none, or it cannot be read."""
    try:
        return _read_claim(run, newest_claim(run))[0]
    except OSError:
        return None


def _read_claim(run: RunFolder, number: int) -> tuple[Holder | None, float]:
    """The holder of a claim, None where that does not read, and its last heartbeat.

    One open for both: it asks the file server, where a `stat` may be answered from what was seen a minute ago.
    """
    with (run.claims / str(number)).open("rb") as file:
        beat = os.fstat(file.fileno()).st_mtime
        raw = file.read()
    try:
        return Holder(**json.loads(raw)), beat
    except (ValueError, TypeError, RecursionError):
        return None, beat


def newest_claim(run: RunFolder) -> int:
    """Number of the newest claim; 0 when there is none.

    Raises:
        OSError: nobody knows, since the folder is there and cannot be listed.
    """
    return newest_number(run.claims)


def take(run: RunFolder, holder: Holder | None = None) -> Claim | None:
    """Take the next claim, unless the holder of the newest one may be alive.

    Args:
        run: the folder.
        holder: who takes it; None is this process. A later job of this run, or a later start of the same job, takes
            the claim from an earlier one that may live on: its node was lost, and its next write finds the newer claim.

    Returns:
        The claim; None when another attempt holds the folder or was faster.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        newest = newest_claim(run)
    except OSError as error:
        raise cannot_write(run.claims / "claim", error) from error
    holder = holder or this_process()
    if newest and life(run) is not Life.DEAD and not _supersedes(holder, read_holder(run)):
        return None
    try:
        taken = add_record(run.claims, newest + 1, json.dumps(asdict(holder)))
    except OSError as error:
        raise cannot_write(run.claims / "claim", error) from error
    return Claim(run, newest + 1) if taken else None


def _supersedes(new: Holder, old: Holder | None) -> bool:
    return old is not None and old.submission > 0 and new.turn > old.turn


def life(run: RunFolder) -> Life:
    """Whether the holder of the newest claim lives."""
    try:
        number = newest_claim(run)
        if not number:
            return Life.DEAD
        holder, beat = _read_claim(run, number)
    except OSError:
        return Life.UNKNOWN

    def silent_s() -> float:
        return disk_time(run.path.parent) - beat

    if holder is None:  # torn by a power cut, or of another version: no process can be looked for, silence decides
        return Life.DEAD if silent_s() > SILENT_S else Life.UNKNOWN
    return holder_life(holder, silent_s)


def holder_life(holder: Holder, silent_s: Callable[[], float]) -> Life:
    """Whether a process lives.

    Args:
        holder: the process.
        silent_s: seconds since its last heartbeat; asked for a process that this machine cannot see.
    """
    if holder.left:
        return Life.DEAD
    host, boot, namespace = _machine()
    if (holder.host, holder.boot, holder.namespace) == (host, boot, namespace):
        return Life.ALIVE if _started(holder.pid) == holder.started else Life.DEAD
    silent = silent_s()
    if holder.host == host and holder.boot != boot and silent >= 3 * HEARTBEAT_S:
        return Life.DEAD  # before a reboot; a fresh heartbeat would tell of another machine of the same name
    if silent < 3 * HEARTBEAT_S:
        return Life.ALIVE
    return Life.DEAD if silent > SILENT_S else Life.UNKNOWN


def is_here(holder: Holder) -> bool:
    """Whether a holder is a process that this machine sees, and lives."""
    seen = (holder.host, holder.boot, holder.namespace) == _machine()
    return seen and not holder.left and _started(holder.pid) == holder.started


def ask_to_stop(run: RunFolder) -> None:
    """Ask whoever runs, or would run, this folder to stop: launchers start it no more, its attempt looks at each beat.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        run.claims.mkdir(parents=True, exist_ok=True)
        run.stop.touch()
    except OSError as error:
        raise cannot_write(run.stop, error) from error


def forget_stop(run: RunFolder) -> None:
    """Take the wish back: the run is to be started."""
    with suppress(OSError):
        run.stop.unlink()
