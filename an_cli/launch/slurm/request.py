"""What is asked of SLURM: a run to be submitted, and what all jobs of one command have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from an_cli.config import LaunchConfig
from an_cli.store import End, RunFolder, Store


@dataclass(frozen=True, kw_only=True)
class SubmissionRequest:
    """A run to be submitted.

    Attributes:
        number: of the submission that it would be.
        after: how its earlier submissions ended.
    """

    run: RunFolder
    number: int
    after: tuple[End, ...]


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What all jobs of one command have in common.

    Attributes:
        study: its name, which people read in the queue.
        code: the frozen code that jobs run.
        max_array: largest array; 0: a job for each task, none of them an array.
        data: folders below the data root that a job may copy to its node.
        avoid: nodes.
    """

    store: Store
    study: str
    launch: LaunchConfig
    code: Path
    threads: int
    max_array: int
    data: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
