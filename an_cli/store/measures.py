"""What a run measures: the measures of each task, declared here and asked everywhere else.

A report, a page or a status line asks for title, unit, decimals and direction; only the task itself knows what its
measures are about. The first measure of a task is its primary one: it decides which epoch is the best, and it is what
is printed where there is room for one number.
"""

from __future__ import annotations

from dataclasses import dataclass

from an_cli.config import CellConfig
from an_cli.config.task import Better, Evidence, Measure, Summary

EPOCHS = ("last", "best")


@dataclass(frozen=True)
class Measures:
    """The measures of a task, the primary one first."""

    all: tuple[Measure, ...]

    @property
    def primary(self) -> Measure:
        return self.all[0]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(measure.key for measure in self.all)

    def __getitem__(self, key: str) -> Measure:
        """The measure with a key; KeyError where the task has none."""
        for measure in self.all:
            if measure.key == key:
                return measure
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in self.keys

    @property
    def planes(self) -> tuple[str, ...]:
        """Names of the per-sample planes of both epochs, in file order: "last.top1", ..., "best.top1", ..."""
        own = dict.fromkeys(measure.evidence.plane for measure in self.all if measure.evidence is not None)
        return tuple(f"{epoch}.{plane}" for epoch in EPOCHS for plane in own)


def _error_rate(k: int) -> Measure:
    return Measure(
        key=f"top{k}_error_pct",
        title=f"top-{k} error",
        unit="%",
        better=Better.LOWER,
        decimals=2,
        evidence=Evidence(plane=f"top{k}", summary=Summary.ERROR_PCT),
        short=f"top-{k}",
    )


CLASSIFICATION = Measures((_error_rate(1), _error_rate(5)))


def measures_of(config: CellConfig) -> Measures:
    """The measures of a cell's task."""
    return CLASSIFICATION if config.task is None else Measures(config.task.measures)
