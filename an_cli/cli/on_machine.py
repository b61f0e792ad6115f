"""What `ablate` does on this machine: start what can start here, say what others have, and stop when told to."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from an_cli.cli.ends import tell_failures
from an_cli.cli.study import Asked, say
from an_cli.config import LaunchConfig
from an_cli.launch import (
    Action,
    Costs,
    Door,
    Here,
    Phase,
    Reconciliation,
    Share,
    Snapshot,
    made_by_other_code,
    share_machine,
)
from an_cli.plan import Cell
from an_cli.store import Store

INTERRUPTED = 130


class OnMachine:
    """A study whose runs are made here (see `ablate.Site`)."""

    short = 0

    def __init__(self, asked: Asked, store: Store, command: Sequence[str]) -> None:
        self._asked, self._store, self._command = asked, store, command
        self._share: Share

    def follows(self, wanted: Reconciliation) -> Sequence[Cell]:
        """What is started here, and what other processes run; not what a scheduler has."""
        return wanted.to_follow

    def tell_wanted(self, wanted: Reconciliation) -> None:
        """Say which cells a scheduler has, and which finished with other code."""
        if wanted.in_queue:
            self._tell_queued(wanted)
        kept = [cell for cell, action in wanted.actions if action is Action.KEEP]
        other = sum(made_by_other_code(self._store.run(cell.id)) for cell in kept)
        if other:
            again = shlex.join([*self._command, "--rerun", "changed"])
            say(f"note: {other} finished with other code than what is installed now; run again with: {again}")

    def _tell_queued(self, wanted: Reconciliation) -> None:
        """Started here too, they would take each other's place."""
        jobs = sorted({job.partition("_")[0] for cell in wanted.in_queue if (job := wanted.standings[cell.id].job)})
        named = f" (job {', '.join(jobs)})" if jobs else ""
        follow = shlex.join([*self._command, "--on", "slurm"])
        take = f"an-cli cancel {self._command[2]}" if len(self._command) > 2 else "an-cli cancel"
        count = len(wanted.in_queue)
        say(f"left to SLURM{named}: {count}, which are not started here. Follow them with: {follow}; or {take}")

    def in_order(self, cells: Sequence[Cell], costs: Mapping[str, Costs]) -> Sequence[Cell]:
        """As the study has them: its table fills from above."""
        return cells

    def place(self, cells: Sequence[Cell], launch: LaunchConfig) -> tuple[Here, int]:
        """This machine, shared among the cells."""
        self._share = share = share_machine([cell.config for cell in cells], launch)
        needs = {self._store.run(cell.id): [self._store.run(need) for need in cell.depends_on] for cell in cells}
        door = Door(environment=share.environment)
        return Here(self._store, launch, door, share.at_once, tuple(share.gpus), needs), share.at_once

    def begin(self, wanted: Reconciliation) -> None:
        """Say how the machine is shared."""
        if wanted.to_launch:
            threads = "1 thread" if self._share.threads == 1 else f"{self._share.threads} threads"
            gpus = f", GPUs {' | '.join(self._share.gpus)}" if self._share.gpus else ""
            say(f"{self._share.at_once} at once, {threads} each{gpus}; Ctrl-C saves and stops")

    def tell_end(self, end: Snapshot) -> int | None:
        """Say what failed, what was cancelled, or what goes on after a stop."""
        tell_failures(self._asked.plan, end)
        if end.stopping:
            say(self._stopped(end))
            return INTERRUPTED
        if cancelled := end.count(Phase.INTERRUPTED):
            say(f"cancelled: {cancelled}. Continue with: {shlex.join(self._command)}")
        return None

    def _stopped(self, end: Snapshot) -> str:
        finished, saved = end.count(Phase.FINISHED), end.count(Phase.INTERRUPTED)
        elsewhere = end.count(Phase.ELSEWHERE)
        others = f", {elsewhere} go on in another process (an-cli cancel stops them)" if elsewhere else ""
        return (
            f"stopped: {finished} of {len(end.runs)} finished, {saved} interrupted{others}. "
            f"Continue with: {shlex.join(self._command)}"
        )
