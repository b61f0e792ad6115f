"""A SLURM that lies, forgets and comes back: for what a real cluster does not do on demand.

It keeps a true state and answers `sbatch`, `squeue`, `sacct`, `scancel` and `scontrol` from it, through the same seam
that the real commands use. A dice decides which answers are lost, garbled, late or wrong as users reported.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from an_cli.files import write_json
from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.store import RunFolder, newest_submission

LIVE = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED")
ENDS = ("FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "CANCELLED by 1000")
GARBAGE = ("slurm_load_jobs error: Socket timed out", "\x00\xff|||", "{}", "JOBID PARTITION NAME", "1|2|3", "")


@dataclass
class Element:
    """One job, as it truly is."""

    array: str
    task: int
    name: str
    runs: list[Path]
    state: str = "PENDING"
    reason: str = "Priority"
    forgotten: bool = False

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass
class Imagined:
    """The cluster.

    Attributes:
        dice: decides everything.
        faults: probability that an answer is bad.
        accounting: whether sacct works at all.
        max_array: largest array.
        max_submit: jobs that may be in the queue.
    """

    dice: random.Random
    faults: float = 0.25
    accounting: bool = True
    max_array: int = 1001
    max_submit: int = 10_000
    now: float = 1_800_000_000.0
    outage_until: float = 0.0
    accounts_until: float = 0.0
    elements: list[Element] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    next_id: int = 100
    started: dict[str, int] = field(default_factory=dict)

    def __call__(self, *words: str) -> CommandResult:
        self.calls.append(words[0])
        if self.now < self.outage_until:
            return self.dice.choice(
                [CommandResult(124, ""), CommandResult(1, "", "Unable to contact slurm controller (connect failure)")]
            )
        match words[0]:
            case "sbatch":
                return self._sbatch(Path(words[-1]))
            case "squeue":
                return self._squeue(words)
            case "sacct":
                return self._sacct()
            case "scancel":
                for one in self.elements:
                    named = f"{one.array}_{one.task}" in words[1:]
                    one.state = "CANCELLED by 0" if named and one.live else one.state
                return CommandResult(0, "")
            case "scontrol":
                return self._scontrol(words)
        return CommandResult(1, "", "unknown command")

    def _sbatch(self, script: Path) -> CommandResult:
        text = script.read_text()
        count = 1 + int(re.search(r"--array=0-(\d+)", text)[1])  # type: ignore[index]
        if count > self.max_array:
            return CommandResult(1, "", "sbatch: error: Batch job submission failed: Invalid job array specification")
        if sum(element.live for element in self.elements) + count > self.max_submit:
            return CommandResult(
                1, "", "sbatch: error: AssocMaxSubmitJobLimit: Job violates accounting/QOS policy (job submit limit)"
            )
        fault = self.dice.random() < self.faults
        kind = self.dice.choice(["refused", "accepted_error", "accepted_silent", "hang", "banner"]) if fault else "good"
        if kind == "refused":
            return CommandResult(
                1, "", "sbatch: error: Batch job submission failed: Invalid account or account/partition combination"
            )
        if kind == "hang":
            return CommandResult(124, "")
        array = self._accept(text, script, count)
        if kind == "accepted_error":
            return CommandResult(
                1, "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
            )
        if kind == "accepted_silent":
            return self.dice.choice([CommandResult(0, ""), CommandResult(124, "")])
        return CommandResult(0, f"Welcome to the cluster!\n{array};cluster\n" if kind == "banner" else f"{array}\n")

    def _accept(self, text: str, script: Path, count: int) -> str:
        recycled = [one.array for one in self.elements if not one.live]
        array = self.dice.choice(recycled) if recycled and self.dice.random() < 0.1 else str(self.next_id)
        self.next_id += self.dice.randrange(1, 5)
        name = re.search(r"--job-name=(\S+)", text)[1]  # type: ignore[index]
        lines = (script.parent / "tasks").read_text().splitlines()
        for task in range(count):
            runs = [Path(folder) for folder in lines[task].split("\t")]
            self.elements.append(Element(array=array, task=task, name=name, runs=runs))
        return array

    def _squeue(self, words: tuple[str, ...]) -> CommandResult:
        if self.dice.random() < self.faults:
            return self._bad()
        names = [word.partition("=")[2] for word in words if word.startswith("--name=")]
        shown = [one for one in self.elements if not one.forgotten and (not names or one.name in names)]
        if names:
            return CommandResult(0, "".join(f"{one.array}|{one.name}\n" for one in shown))
        lines = [f"{one.array}|{one.task}|{one.name}|{one.state}|n0|Unknown|{one.reason}\n" for one in shown]
        if lines and self.dice.random() < self.faults / 3:  # a truncated answer
            lines = lines[: self.dice.randrange(len(lines))]
        lines.append("77|0|somebody.elses|RUNNING|n9|Unknown|None\n")
        return CommandResult(0, "".join(lines))

    def _sacct(self) -> CommandResult:
        if not self.accounting:
            return CommandResult(1, "", "Slurm accounting storage is disabled")
        if self.now < self.accounts_until or self.dice.random() < self.faults:
            return self._bad()
        lines = []
        for one in self.elements:
            state = one.state if self.dice.random() > 0.1 else "RUNNING" if not one.live else one.state  # delayed
            if one.live or self.dice.random() > 0.1:
                lines.append(f"{one.array}_{one.task}|{one.name}|{state}|1:0|2027-01-01T00:00:00|n0\n")
        return CommandResult(0, "".join(lines))

    def _scontrol(self, words: tuple[str, ...]) -> CommandResult:
        if words[1] == "show" and words[2] == "job":
            known = [one for one in self.elements if one.array == words[3] and not one.forgotten]
            return (
                CommandResult(0, "JobId=1")
                if known
                else CommandResult(1, "", "slurm_load_jobs error: Invalid job id specified")
            )
        return CommandResult(0, f"MaxArraySize = {self.max_array}\nSLURM_VERSION = 22.05.8\n")

    def _bad(self) -> CommandResult:
        return self.dice.choice(
            [
                CommandResult(1, "", "Unable to contact slurm controller"),
                CommandResult(124, ""),
                CommandResult(0, self.dice.choice(GARBAGE)),
            ]
        )

    def step(self) -> None:
        """Let something happen."""
        self.now += self.dice.choice([1.0, 3.0, 10.0, 40.0])
        if self.dice.random() < 0.03:
            self.outage_until = self.now + self.dice.choice([30.0, 3600.0, 6 * 3600.0])
        if self.dice.random() < 0.05:
            self.accounts_until = self.now + self.dice.choice([60.0, 7200.0])
        if self.now < self.outage_until and self.dice.random() < 0.3:
            self.now = self.outage_until + 1
        for one in self.elements:
            self._advance(one)

    def _advance(self, one: Element) -> None:
        dice = self.dice.random()
        if one.state == "PENDING" and dice < 0.4:
            one.state, one.reason = self.dice.choice(["RUNNING", "RUNNING", "CONFIGURING"]), "None"
        elif one.state in ("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED"):
            self._run(one, dice)
        elif not one.live and dice < 0.3:
            one.forgotten = True

    def _run(self, one: Element, dice: float) -> None:
        if dice < 0.1:
            one.state, one.reason = "PENDING", "BeginTime"  # requeued
        elif dice < 0.15:
            one.state = self.dice.choice(["SUSPENDED", "COMPLETING", "RUNNING"])
        elif dice < 0.3:
            one.state = self.dice.choice(ENDS)
        elif dice < 0.6:
            for path in one.runs:
                self._finish(RunFolder(path), one)
            one.state = "COMPLETED"

    def _finish(self, run: RunFolder, one: Element) -> None:
        """The worker's own part: a job that a newer submission has superseded does nothing."""
        submission = newest_submission(run)
        if submission is None or submission.token != one.name.rpartition(".")[2]:
            return
        if not run.result.exists():
            self.started[run.id] = self.started.get(run.id, 0) + 1
            write_json(run.result, {"made": "up"})

    def live_for(self, run: RunFolder) -> list[Element]:
        """Jobs that would run it."""
        return [one for one in self.elements if one.live and run.path in one.runs]
