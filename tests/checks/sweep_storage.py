"""Sixteen workers on one journal, with torn lines, stalls and a full disk: nothing lost, every trial told once.

    python -m tests.checks.sweep_storage [--workers 16] [--trials 400] [--stall 60] [--full 20]

As root: the store is a small tmpfs, which is filled for a while. A process tears lines into the journal, workers are
stopped for a minute each (one of them while it holds the turn). Runs are formulas, so what is tried is the storage.
Afterwards the journal is deleted and made again from the runs. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from an_cli.config import Composer
from an_cli.errors import StoreError
from an_cli.launch import Door, Snapshot
from an_cli.launch.sweep.owners import Owners, this_worker
from an_cli.launch.sweep.worker import SweepWorker
from an_cli.plan.journal import decode_lines
from an_cli.plan.rebuilding import rebuild
from an_cli.plan.searching import Assignment
from an_cli.plan.trials import TrialState, read_journal
from an_cli.store import RunFolder, read_holder
from tests.plan.surrogate import candidates, make, searching

SECONDS = 0.2  # that a trial takes, apart from what its files take


def search_of(root: Path, trials: int) -> Any:
    """The search, as each process opens it."""
    return searching(root, candidates(sampler="random", budget={"trials": trials}))


def be_a_worker(root: Path, trials: int) -> None:
    """Work like a real worker, with runs that are formulas."""
    search = search_of(root, trials)

    def launch(task: Assignment) -> Snapshot:
        time.sleep(SECONDS)
        while True:
            try:
                make(search, task)
                return Snapshot(runs=(), stopping=False)
            except (OSError, StoreError):
                time.sleep(0.5)

    launch_settings = Composer().compose().launch
    owners = Owners(search.folder, this_worker())
    assert SweepWorker(search, launch_settings, Door(), owners, launch=launch).run()


def tear(journal: Path, done: threading.Event, draw: random.Random, torn: list[int]) -> None:
    """Write parts of lines, and lines of others, now and then."""
    pieces = [
        b'{"op_code": 6, "trial_id": 3, "sta',
        b"\x00\x00\x00\x00",
        b"somebody else's line\n",
        b'{"op_code": 4}\n',
    ]
    while not done.wait(draw.uniform(0.5, 2.0)):
        try:
            with journal.open("ab") as file:
                file.write(draw.choice(pieces))
            torn.append(1)
        except OSError:
            continue


def fill(root: Path, seconds: float) -> None:
    """Leave no room on the disk for so long."""
    filler = root / "filler"
    with filler.open("wb") as file:
        while True:
            try:
                file.write(bytes(1 << 16))
                file.flush()
            except OSError:
                break
    time.sleep(seconds)
    filler.unlink()


def stall(processes: list[subprocess.Popen[bytes]], folder: Path, seconds: float, holder: bool) -> str:
    """Stop a worker for so long; with `holder` one that has the turn."""
    victim, caught = processes[0], False
    end = time.monotonic() + 20
    while holder and time.monotonic() < end:
        found = read_holder(RunFolder(folder))
        if found is None or found.left or found.pid not in [one.pid for one in processes]:
            continue
        os.kill(found.pid, signal.SIGSTOP)
        now = read_holder(RunFolder(folder))
        if now is not None and now.pid == found.pid and not now.left:
            victim, caught = next(one for one in processes if one.pid == found.pid), True
            break
        os.kill(found.pid, signal.SIGCONT)
    victim.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    victim.send_signal(signal.SIGCONT)
    return "with the turn" if caught else "without"


def check(root: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Search, hurt, look."""
    search = search_of(root, asked.trials)
    search.folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.checks.sweep_storage", "--work", str(root), "--trials", str(asked.trials)]
    processes = [subprocess.Popen(command) for _ in range(asked.workers)]
    draw, done, torn, begun = random.Random(0), threading.Event(), list[int](), time.monotonic()
    journal = search.folder / "journal.log"
    tearing = threading.Thread(target=tear, args=(journal, done, draw, torn), daemon=True)
    tearing.start()
    time.sleep(5)
    stalls = [stall(processes, search.folder, asked.stall, holder=True)]
    fill(root, asked.full)
    stalls.append(stall(processes, search.folder, asked.stall, holder=False))
    statuses = [process.wait(1200) for process in processes]
    done.set()
    tearing.join()
    assert statuses == [0] * asked.workers, statuses
    return judge(root, asked, begun) | {"torn": len(torn), "stalls": stalls}


def judge(root: Path, asked: argparse.Namespace, begun: float) -> dict[str, Any]:
    """What must hold."""
    seconds = time.monotonic() - begun
    search = search_of(root, asked.trials)
    journal = search.folder / "journal.log"
    trials = read_journal(journal, "tried", search.candidates.space)
    assert [trial.state for trial in trials.all] == [TrialState.FINISHED] * asked.trials
    assert len({trial.cells for trial in trials.all}) == asked.trials
    logs, skipped = decode_lines(journal.read_bytes())
    told = Counter(log["trial_id"] for log in logs if log["op_code"] == 6 and log["state"] == 1)
    assert set(told.values()) == {1}, "a trial was told twice"
    assert len(told) == asked.trials
    journal.unlink()
    again = search_of(root, asked.trials)
    rebuild(again)
    found = again.asking.trials()
    assert [(one.params, one.values, one.cells) for one in found] == [
        (one.params, one.values, one.cells) for one in trials.all
    ]
    return {"trials": len(found), "skipped": skipped, "seconds": round(seconds, 1), "rebuilt": "equal"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--stall", type=float, default=60.0)
    parser.add_argument("--full", type=float, default=20.0)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    if asked.work is not None:
        be_a_worker(asked.work, asked.trials)
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=100k", "tmpfs", folder], check=True)
        try:
            print(json.dumps(check(Path(folder), asked), indent=1))
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


if __name__ == "__main__":
    main()
