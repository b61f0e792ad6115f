"""One attempt at a run folder, with an exit status that says how it ended.

Exit status: 0 finished, 1 failed (`error.txt` says why), 75 another attempt holds the run or it is finished already,
128 + signal when told to stop (the state is saved).
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from pathlib import Path

from an_cli.errors import AnError, Fenced
from an_cli.store import Claim, RunFolder, RunWriter, Status, status_of, take
from an_cli.store.claims import HEARTBEAT_S
from an_cli.train import Interrupted, StopFlag, attempt

BUSY = 75
log = logging.getLogger("an_cli.worker")


def run_here(folder: Path) -> int:
    """Make one attempt in this process; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    stop = StopFlag().install()
    run = RunFolder(folder.resolve())
    try:
        claim = None if status_of(run) is Status.FINISHED else take(run)
    except AnError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if claim is None:
        log.info("another attempt holds %s, or it is finished", run.id)
        return BUSY
    log.info("claim %d of %s", claim.number, run.id)
    return _attempt(RunWriter(claim), stop)


def _attempt(writer: RunWriter, stop: StopFlag) -> int:
    done = threading.Event()
    threading.Thread(target=_beat, args=(writer.claim, done), daemon=True).start()
    try:
        result = attempt(writer, stop)
    except Interrupted as told:
        log.info("%s; the same command continues", told)
        return 128 + told.number
    except Fenced as fenced:
        log.info("%s", fenced)
        return BUSY
    except AnError as error:
        return _failed(writer, str(error))
    except Exception as error:
        log.exception("the attempt failed")
        place = traceback.extract_tb(error.__traceback__)[-1]
        return _failed(
            writer, f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno}); see log.txt"
        )
    finally:
        done.set()
    log.info("finished: top-1 error %.2f %%", result.last.top1_error_pct)
    return 0


def _failed(writer: RunWriter, message: str) -> int:
    log.error("%s", message)
    try:
        writer.fail(message + "\n")
    except AnError as error:
        log.error("%s", error)
    return 1


def _beat(claim: Claim, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_S):
        try:
            claim.beat()
        except AnError:
            return  # fenced: the loop notices at its next write
