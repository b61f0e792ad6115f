"""What `sweep` does: workers here or on a cluster, followed to the end; the study made again; the best exported."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace

from an_cli.cli.options import store_words
from an_cli.cli.search_report import print_report
from an_cli.cli.search_status import progress_line
from an_cli.cli.searching import JOURNAL, AskedSearch
from an_cli.cli.study import say
from an_cli.errors import StoreError, StudyError
from an_cli.launch import Door, check_data, check_ranks, find_costs, settle, share_machine
from an_cli.launch.here.sharing import Share
from an_cli.launch.slurm.scheduler import Commands
from an_cli.launch.sweep.array import JobWarnings, submit_workers
from an_cli.launch.sweep.local import LocalWorkers
from an_cli.launch.sweep.owners import Owners, this_worker
from an_cli.launch.sweep.worker import SweepWorker
from an_cli.plan import Cell
from an_cli.store.variants import record_variant

INTERRUPTED, PARTIAL = 130, 3
WORKERS = 4  # jobs of a cluster, where no number is given


def sweep_here(asked: AskedSearch, workers: int | None, *, command: Sequence[str], json: bool) -> int:
    """Search on this machine and print the report.

    Args:
        asked: the search.
        workers: processes; None: as many as the machine has room for.
        command: the words of `an-cli` that were given, from the verb on.
        json: print the report as JSON.

    Returns:
        Exit status: 0, 1 when no trial finished, 3 when a worker failed, 130 when told to stop.
    """
    _, share = _ready(asked, workers)
    asked.make_folder()
    _record_overrides(asked)
    say(f"{asked.name}: {progress_line(asked)}")
    say(f"{share.at_once} {'worker' if share.at_once == 1 else 'workers'}; Ctrl-C saves and stops")
    last = [""]

    def look() -> None:
        line = progress_line(asked)
        if line != last[0]:
            last[0] = line
            say(line)

    environments = [_environment(share, place) for place in range(share.at_once)]
    end = LocalWorkers([*command, "--worker"], environments, look).run()
    if end.stopped:
        same = ", and the same --storage" if asked.url else ""
        say(f"stopped. Continue with: {shlex.join(['an-cli', *command])}{same}")
        return INTERRUPTED
    status = print_report(asked, json=json)
    return status or (PARTIAL if end.failed else 0)


def _ready(asked: AskedSearch, workers: int | None) -> tuple[list[Cell], Share]:
    """Refuse what cannot run before anything does, and divide the machine."""
    launch = settle(asked.launch)
    corners = {
        cell.id: cell for _, params in asked.candidates.space.corners() for cell in asked.candidates.cells(0, params)
    }
    cells = list(corners.values())
    check_data(cells, launch)
    check_ranks(cells, launch)
    find_costs(cells[:1], asked.store)  # a network that cannot be built is said before anything is started
    if workers is not None and workers < 1:
        raise StudyError(f"{workers} workers", where="--workers", now="give 1 or more")
    wanted = replace(launch, processes=workers) if workers is not None else launch
    return cells, share_machine([cell.config for cell in cells], wanted)


def _environment(share: Share, place: int) -> dict[str, str]:
    own = {"CUDA_VISIBLE_DEVICES": share.gpus[place % len(share.gpus)]} if share.gpus else {}
    return {**share.environment, **own}


def _record_overrides(asked: AskedSearch) -> None:
    study = asked.candidates.study
    if study.overrides:
        record_variant(asked.store, asked.name, study.name, study.overrides)


def work(asked: AskedSearch) -> int:
    """Be one worker; returns the exit status."""
    from an_cli.plan.searching import Searching

    asked.make_folder()
    search = Searching(asked.candidates, asked.store, asked.folder, asked.url)
    parent = int(os.environ.get("AN_CLI_PARENT", "0"))
    warnings = JobWarnings()
    worker = SweepWorker(
        search,
        settle(asked.launch),
        Door(),
        Owners(asked.folder, this_worker(), Commands() if shutil.which("squeue") else None),
        tell=say,
        wanted=lambda: parent in (0, os.getppid()),
    )
    if worker.run():
        return 0
    warnings.requeue()
    return INTERRUPTED


def rebuild_search(asked: AskedSearch) -> None:
    """Make the journal again from the runs; the one that is there is put aside.

    Raises:
        StudyError: the storage is not our journal.
        StoreError: the store cannot be written.
    """
    from an_cli.plan.rebuilding import rebuild
    from an_cli.plan.searching import Searching

    if asked.url is not None:
        raise StudyError("only the store's own journal is made again", where="--rebuild", now="leave --storage away")
    asked.make_folder()
    journal = asked.folder / JOURNAL
    try:
        if journal.exists():
            journal.replace(journal.with_suffix(".before"))
    except OSError as error:
        raise StoreError(f"cannot put the journal aside: {error.strerror}", where=str(journal)) from error
    rebuilt = rebuild(Searching(asked.candidates, asked.store, asked.folder))
    for label in rebuilt.left_out:
        say(f"left out: {label}: it is no choice of this search")
    say(
        f"{asked.name}: {rebuilt.trials} trials made again from their runs; "
        f"the journal of before: {JOURNAL[:-4]}.before"
    )


def sweep_on_slurm(asked: AskedSearch, workers: int | None, *, command: Sequence[str]) -> int:
    """Submit workers as jobs of an array, and leave: nothing has to stay alive here. Returns the exit status."""
    cells, _ = _ready(asked, None)
    asked.make_folder()
    _record_overrides(asked)
    words = [*command, *store_words(asked.store.root), "--worker"]
    count = workers or WORKERS
    job = submit_workers(cells, settle(asked.launch), asked.store, asked.name, words, count)
    say(f"{asked.name}: {progress_line(asked)}")
    say(f"submitted {count} workers as job {job}. How far they are: an-cli status {asked.candidates.study.name}")
    return 0
