"""Workers of a search as jobs of SLURM: an array whose elements are light processes, as those on this machine are.

A worker that is told of its job's end saves, lets its trial go and has its job started again; one that is preempted or
loses its node is started again by SLURM. What it had is continued by whoever asks next (`owners`).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from an_cli.config import LaunchConfig, plain
from an_cli.errors import LaunchError
from an_cli.launch.slurm.intent import Intent, job_name, new_intent
from an_cli.launch.slurm.request import JobSettings
from an_cli.launch.slurm.scheduler import Commands, Scheduler
from an_cli.launch.slurm.script import make_script
from an_cli.launch.slurm.start import make_cluster
from an_cli.launch.slurm.submit import read_job
from an_cli.launch.sweep.owners import this_worker
from an_cli.plan import Cell
from an_cli.store import Store, commit

_WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)


def submit_workers(
    cells: Sequence[Cell],
    launch: LaunchConfig,
    store: Store,
    study: str,
    words: Sequence[str],
    count: int,
    *,
    scheduler: Scheduler | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Submit so many workers in one array.

    Args:
        cells: some of the search's, which say what jobs need.
        launch: settled.
        store: where runs are.
        study: name of the search, which people read in the queue.
        words: of `an-cli` that make a worker.
        count: of workers.
        scheduler: how SLURM is spoken to; None takes this machine's commands.
        pause: waits so many seconds.

    Returns:
        The array's id.

    Raises:
        LaunchError: SLURM is not here, or takes no job.
        StoreError: the store cannot be written.
    """
    cluster = make_cluster(cells, replace(launch, pack=1), store, study=study, scheduler=scheduler)
    terms, intent = cluster.terms, new_intent(store)
    array = count if terms.max_array > 0 else None
    if array is None and count > 1:
        raise LaunchError(f"{count} workers are an array, and this cluster has none", where="--workers", now="give 1")
    intent.announce(study, {"launch": plain(terms.launch), "code": str(terms.code), "array": array is not None})
    intent.prepare(_script(intent, terms, words, array, count), [[] for _ in range(count)])
    intent.call()
    answer = (scheduler or Commands())("sbatch", "--parsable", str(intent.script))
    job = read_job(answer)
    if job is None:
        intent.refuse(answer.trouble or "sbatch gave no job id")
        raise LaunchError(
            f"SLURM takes no workers: {answer.trouble or 'no job id came'}",
            where="sbatch",
            now="change what launch asks for (partition, account, time_min, ...); an-cli doctor says what there is",
        )
    intent.accept(job)
    return job


def _script(intent: Intent, terms: JobSettings, words: Sequence[str], array: int | None, count: int) -> str:
    return make_script(
        intent,
        terms.launch,
        name=job_name(terms.study, intent.token),
        elements=array,
        at_once=count,
        threads=terms.threads,
        code=terms.code,
        commit=commit(),
        data=terms.data,
        words=[os.fspath(sys.executable), "-u", "-P", "-m", "an_cli", *words],
        folder=Path.cwd(),
    )


@dataclass
class JobWarnings:
    """SLURM's warnings before a job's end, obeyed as a request to stop; the job is then started again."""

    warned: bool = False

    def __post_init__(self) -> None:
        for number in _WARNINGS:
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: object) -> None:
        self.warned = True
        os.kill(os.getpid(), signal.SIGTERM)

    def requeue(self, scheduler: Scheduler | None = None) -> bool:
        """Have the job started again, where it was warned of its end; True when SLURM agreed."""
        job = this_worker().job
        return bool(self.warned and job) and (scheduler or Commands())("scontrol", "requeue", job).status == 0
