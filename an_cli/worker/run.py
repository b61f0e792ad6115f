"""One attempt at a run folder, with an exit status that says how it ended.

Exit status: 0 finished, 1 failed (`error.txt` says why), 75 another attempt holds the run or it is finished already,
77 paused as its launch says, 128 + signal when told to stop (the state is saved) or when one of several ranks was
killed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from an_cli.environment import printable, text_of
from an_cli.errors import AnError, Fenced, StoreError
from an_cli.redact import redact
from an_cli.store import (
    Claim,
    Holder,
    RunFolder,
    RunWriter,
    is_finished,
    measures_of,
    read_config,
    take,
    this_process,
)
from an_cli.store.claims import HEARTBEAT_S
from an_cli.store.endings import Ending, Exit
from an_cli.train import Interrupted, Paused, Seat, StopFlag, World, attempt, join, leave, lost_a_rank, read_launch

WORD_S = 2.0  # how long the leader waits for another rank's word before it takes it for killed
log = logging.getLogger("an_cli.worker")


@dataclass(frozen=True)
class Account:
    """What an attempt stops by and takes its claim as. Called in the process that makes it.

    Attributes:
        make_stop: the flag that stops it, listening.
        holder: who takes the claim.
    """

    make_stop: Callable[[], StopFlag]
    holder: Callable[[], Holder]


OWN = Account(make_stop=lambda: StopFlag().install(), holder=this_process)


def run_here(folder: Path, account: Account = OWN) -> int:
    """Make one attempt, in this process or in as many ranks as the launch settings say; returns the exit status."""
    run = RunFolder(folder.resolve())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if (ranks := _ranks(run)) > 1:
        from an_cli.worker.ranks import supervise

        return supervise(ranks, lambda seat: run_rank(run, account, seat))
    return run_rank(run, account)


def _ranks(run: RunFolder) -> int:
    try:
        return read_launch(run).ranks
    except AnError:
        return 1  # the attempt will say what is wrong with the folder


def run_rank(run: RunFolder, account: Account = OWN, seat: Seat | None = None) -> int:
    """Make one attempt as one of several ranks, or alone; returns the exit status."""
    stop = account.make_stop()
    with stop.watching():
        return _run_watched(run, account, seat, stop)


def _run_watched(run: RunFolder, account: Account, seat: Seat | None, stop: StopFlag) -> int:
    try:
        world = join(seat, lambda: stop.received)
        claim = _claim(run, account) if world.leads else None
    except Interrupted as stopped:
        return 128 + stopped.number
    except AnError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if claim is not None:
        run.error.unlink(missing_ok=True)  # it spoke of an attempt before this one
    number = world.broadcast(claim.number if claim else 0)
    if not number:
        log.info("another attempt holds %s, or it is finished", run.id)
        return Exit.BUSY
    log.info("claim %d of %s", number, run.id)
    return _attempt(RunWriter(Claim(run, number)), stop, world)


def _claim(run: RunFolder, account: Account) -> Claim | None:
    """The claim of a run that is still to be made.

    Raises:
        StoreError: there is no such folder, and none is made: who prepares a run writes its cell.json first.
    """
    if not run.path.is_dir():
        raise StoreError("no such run folder", where=str(run.path), now="an-cli ablate or an-cli run prepares it")
    if _is_over(run):
        return None
    claim = take(run, account.holder())
    if claim is not None and _is_over(run):  # another attempt has finished it since, and is gone
        claim.release()
        return None
    return claim


def _is_over(run: RunFolder) -> bool:
    return is_finished(run) or run.imported.exists()


def _attempt(writer: RunWriter, stop: StopFlag, world: World) -> int:
    done = threading.Event()
    if world.leads:
        stop.on_leaving = lambda: writer.claim.release(f"{Ending.STOPPED} in a wait")
        threading.Thread(target=_beat, args=(writer.claim, stop, done), daemon=True).start()
    status, how = 1, str(Ending.FAILED)
    try:
        status, how = _run(writer, stop, world)
    finally:
        done.set()
        if world.leads:
            writer.claim.release(how)
    return status


def _run(writer: RunWriter, stop: StopFlag, world: World) -> tuple[int, str]:
    """The exit status, and how the attempt ended in a few words."""
    try:
        result = attempt(writer, stop, world)
        leave(world)
    except Interrupted as interrupted:
        log.info("%s; the same command continues", interrupted)
        return 128 + interrupted.number, f"{Ending.STOPPED} by signal {interrupted.number}"
    except Paused as paused:
        log.info("%s", paused)
        return Exit.PAUSED, f"{Ending.PAUSED} after epoch {paused.epochs}"
    except Fenced as fenced:
        log.info("%s", fenced)
        return Exit.BUSY, Ending.FENCED
    except AnError as error:
        return _failed(writer, str(error), world), Ending.FAILED
    except (Exception, SystemExit) as error:  # a part of the user's own may call sys.exit
        status = _broken(writer, error, world)
        return status, Ending.LOST_A_RANK if status == Exit.LOST else Ending.FAILED
    if result is not None:
        log.info("finished: %s", measures_of(read_config(writer.run)).primary.text(result.last.values))
    return 0, Ending.FINISHED


def _broken(writer: RunWriter, error: Exception | SystemExit, world: World) -> int:
    if lost_a_rank(error, world.size):
        word = _word(world)
        log.error("another rank is gone: %s", word or text_of(error))
        return _failed(writer, word, world) if word and world.leads else Exit.LOST
    log.exception("the attempt failed")
    place = traceback.extract_tb(error.__traceback__)[-1]
    return _failed(
        writer,
        f"{type(error).__name__}: {text_of(error)} ({Path(place.filename).name}:{place.lineno}); see log.txt",
        world,
    )


def _word(world: World) -> str | None:
    """Why another rank failed, if it lives long enough to say so."""
    end = time.monotonic() + WORD_S
    while world.leads and time.monotonic() < end:
        if (word := world.reported_error()) is not None:
            return word
        time.sleep(0.05)
    return None


def _failed(writer: RunWriter, message: str, world: World) -> int:
    message = printable(message)
    log.error("%s", message)
    try:
        if world.leads:
            writer.fail(redact(message) + "\n")
        else:
            world.report_error(message)
    except Exception as error:  # whatever fails here must not hide what failed before it
        log.error("the reason could not be recorded: %s", text_of(error))
    return 1


def _beat(claim: Claim, stop: StopFlag, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_S):
        try:
            claim.beat()
        except Fenced:
            return  # the loop notices at its next write
        except AnError as error:
            log.warning("no heartbeat: %s", error)  # the disk does not answer; it may at the next
            continue
        if claim.run.stop.exists():  # asked for on another machine, whose signals do not reach this one
            if stop.received is None:  # a second signal would end the process before it has saved
                os.kill(os.getpid(), signal.SIGTERM)
            return
