"""What a run folder says, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from an_cli.config import CellConfig


class Status(StrEnum):
    """State of a run, read off the disk, the holder of its claim and the scheduler; never stored."""

    MISSING = "missing"  # no folder
    WAITING = "waiting"  # a folder, no attempt yet
    SUBMITTING = "submitting"  # its sbatch is under way
    QUEUED = "queued"  # its job waits
    HELD = "held"  # its job waits for somebody to release it
    RUNNING = "running"
    PAUSED = "paused"  # at the end of an epoch, by a search that may continue it
    INTERRUPTED = "interrupted"  # the attempt is gone; the same command continues it
    FAILED = "failed"
    FINISHED = "finished"
    IMPORTED = "imported"  # weights that were trained elsewhere; no attempt was made here
    UNKNOWN = "unknown"  # its holder cannot be seen from here
    UNREADABLE = "unreadable"  # a damaged record; the message says which

    @property
    def is_done(self) -> bool:
        """Whether it has what it was made for."""
        return self in (Status.FINISHED, Status.IMPORTED)

    @property
    def is_broken(self) -> bool:
        """Whether it ended without, or its records are damaged: its owner should look."""
        return self in (Status.FAILED, Status.UNREADABLE)

    @property
    def is_in_queue(self) -> bool:
        """Whether a job of a scheduler is going to start it."""
        return self in (Status.SUBMITTING, Status.QUEUED, Status.HELD)

    @property
    def is_going(self) -> bool:
        """Whether somebody runs it, or may: absence from here is no proof."""
        return self in (Status.RUNNING, Status.UNKNOWN)

    @property
    def can_start(self) -> bool:
        """Whether an attempt may be made at it now."""
        return not (self.is_done or self.is_going or self.is_in_queue)

    @property
    def is_untouched(self) -> bool:
        """Whether no attempt has left anything."""
        return self in (Status.MISSING, Status.WAITING)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One pass over the evaluation set. `values`: the task's measures by key; in JSON they stand among the others."""

    epoch: int
    loss: float
    samples: int
    values: Mapping[str, float] = field(metadata={"inline": True})

    def __getitem__(self, measure: str) -> float:
        """The value of a measure; KeyError where the evaluation does not hold it."""
        return self.values[measure]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A finished run's numbers: the last and the best epoch (by the primary measure, the earliest of equals)."""

    last: Evaluation
    best: Evaluation
    steps: int
    params: int
    macs: int
    attempt: int
    train_s: float
    code_tree: str
    data_fingerprint: str
    device: str
    plugins: tuple[str, ...] = ()  # the user's own parts, as stamps; runs of before they existed have none
    earlier_code: tuple[str, ...] = ()  # other code trees, of attempts that this one continued

    @property
    def code_trees(self) -> tuple[str, ...]:
        """All code that the numbers stand on, that of the last attempt first."""
        return (self.code_tree, *self.earlier_code)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Weights that were trained elsewhere, in the place of a run: `imported.json`.

    The evaluation is None until `evaluate` was asked for on the run's own data; its epoch says nothing.
    """

    file: str
    sha256: str
    tensors: int
    params: int
    macs: int
    imported_at: str
    host: str
    code_tree: str
    commit: str | None
    evaluation: Evaluation | None
    eval_fingerprint: str | None
    device: str | None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One start of a run: a line of `env.jsonl`."""

    attempt: int
    started_at: str
    host: str
    pid: int
    python: str
    torch: str
    device: str
    cpu_threads: int
    code_tree: str
    commit: str | None
    train_fingerprint: str
    eval_fingerprint: str
    resumed_step: int
    plugins: tuple[str, ...] = ()
    norm_path: str = ""  # how attentive layers were computed; runs of before it was recorded: composed


def contributing(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """The attempts that a result stands on: from the last one that started at step 0."""
    starts = [index for index, attempt in enumerate(attempts) if attempt.resumed_step == 0]
    return attempts[starts[-1] if starts else 0 :]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: the newest line of its metrics, and the measures of its newest evaluation; none before one."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None
    elapsed_s: float
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """All that a report needs of one run."""

    id: str
    status: Status
    config: CellConfig | None
    choices: Mapping[str, str]
    attempts: tuple[Attempt, ...]
    epochs: tuple[Mapping[str, Any], ...]
    result: Result | None
    error: str | None
    skipped_lines: int
    imported: Imported | None = None
    scheduled: str = ""  # what its state is called where the scheduler was asked too: "queued"

    @property
    def state(self) -> str:
        """The word for its state, the same in `status`, in footnotes and on the page."""
        return self.scheduled or self.status.value
