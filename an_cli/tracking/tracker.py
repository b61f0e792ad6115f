"""What every tracker does; `tests/tracking/tracker_contract.py` holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class RunHead:
    """What a tracker shows of a run before its numbers.

    Attributes:
        id: of the run, and of its first display in the tracker.
        name: the row's label within its study; the id where no study has it.
        study: whose row it is; empty where no study has it.
        group: the study, and its baseline group where it has several.
        tags: what its row varies, and the user's.
        notes: the user's.
        config: as `cell.json` holds it.
    """

    id: str
    name: str
    study: str
    group: str
    tags: tuple[str, ...]
    notes: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class MetricsPoint:
    """Numbers of one step of training."""

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Finish:
    """How a run stands when its mirror leaves it.

    Attributes:
        over: False while another attempt may follow at once: the tracker shows it as running.
        exit_status: 0 finished; else it was stopped, or failed.
        preempted: whether somebody stopped it, who will continue it.
        facts: last and best measures, costs, cause of a failure, machine.
        pictures: by name, as PNG.
        files: records to keep as one artifact.
    """

    over: bool
    exit_status: int
    preempted: bool
    facts: Mapping[str, float | int | str]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Opened:
    """How a tracker knows a run.

    Attributes:
        id: there; differs from the run's where that was deleted.
        next_step: the first step of which it has no numbers.
        url: where a person looks at it; empty where there is none.
    """

    id: str
    next_step: int
    url: str = ""


class Tracker(Protocol):
    """Shows one run. Every method may block and may raise TrackerError; its process can be killed at any time."""

    def open(self, head: RunHead, *, known_as: str, goes_on: bool) -> Opened:
        """Begin or continue.

        Args:
            head: what to show.
            known_as: the id that it had there before; empty: the run's own.
            goes_on: whether the run is left going when this process leaves it: how it stands is then not shown.
        """

    def log(self, point: MetricsPoint) -> None:
        """Show numbers. Steps come in order, each once."""

    def tend(self) -> None:
        """Called about once a second, whenever all that was recorded has been logged."""

    def close(self, finish: Finish) -> None:
        """Show how it stands, and send what is left."""
