"""What a run measures: the measures of each task, declared here and asked everywhere else.

A report, a page or a status line asks for title, unit, decimals and direction; only the task itself knows what its
measures are about. The first measure of a task is its primary one: it decides which epoch is the best, and it is what
is printed where there is room for one number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from an_cli.config import CellConfig
from an_cli.config.task import Better, Evidence, Measure, Summary

EPOCHS = ("last", "best")
_FIVE = 5


@dataclass(frozen=True)
class Complement:
    """A measure that is 100 less another one: the same number seen from the other side, so nothing is tested twice."""

    measure: Measure
    of: str

    def value(self, other: float) -> float:
        """Its value where the other measure has this one."""
        return 100 - other


@dataclass(frozen=True)
class Measures:
    """The measures of a task, the primary one first.

    Attributes:
        all: what an evaluation gives.
        complements: what a table may show beside them.
        noun: what they are together, at the head of a sentence; empty: their titles.
    """

    all: tuple[Measure, ...]
    complements: tuple[Complement, ...] = ()
    noun: str = ""

    @property
    def primary(self) -> Measure:
        return self.all[0]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(measure.key for measure in self.all)

    def __getitem__(self, key: str) -> Measure:
        """The measure with a key, a complement too; KeyError where the task has none."""
        for measure in (*self.all, *(complement.measure for complement in self.complements)):
            if measure.key == key:
                return measure
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        """Whether an evaluation gives it."""
        return key in self.keys

    @property
    def planes(self) -> tuple[str, ...]:
        """Names of the per-sample planes of both epochs, in file order: "last.a", "last.b", "best.a", "best.b"."""
        own = dict.fromkeys(measure.evidence.plane for measure in self.all if measure.evidence is not None)
        return tuple(f"{epoch}.{plane}" for epoch in EPOCHS for plane in own)

    def joined(self, other: Measures) -> Measures:
        """These, then what the other has besides: of a table or a store that holds several tasks."""
        if other == self:
            return self
        more = tuple(measure for measure in other.all if measure.key not in self.keys)
        beside = tuple(complement for complement in other.complements if complement not in self.complements)
        return Measures((*self.all, *more), (*self.complements, *beside), self.noun if not more else "")


def _error_rate(k: int, at_most: str = "") -> Measure:
    return Measure(
        key=f"top{k}_error_pct",
        title=f"top-{k} error",
        unit="%",
        better=Better.LOWER,
        decimals=2,
        evidence=Evidence(plane=f"top{k}", summary=Summary.ERROR_PCT),
        short=f"top-{k}",
        at_most=at_most,
    )


def _accuracy(error: Measure) -> Complement:
    title = f"{error.short} accuracy"
    key = error.key.replace("error", "accuracy")
    measure = Measure(key=key, title=title, unit="%", better=Better.HIGHER, decimals=2, evidence=None)
    return Complement(measure=measure, of=error.key)


def _precision(key: str, title: str) -> Measure:
    return Measure(key=key, title=title, unit="", better=Better.HIGHER, decimals=1, evidence=None)


_ERRORS = (_error_rate(1), _error_rate(5, at_most="top1_error_pct"))
CLASSIFICATION = Measures(_ERRORS, tuple(map(_accuracy, _ERRORS)), noun="Error rates")
# Average precision in per cent, as COCO defines it, over all IoU thresholds, at 0.5 and at 0.75.
DETECTION = Measures(
    (
        *(_precision("ap_bb", "box AP"), _precision("ap_bb50", "box AP50"), _precision("ap_bb75", "box AP75")),
        *(_precision("ap_m", "mask AP"), _precision("ap_m50", "mask AP50"), _precision("ap_m75", "mask AP75")),
    )
)


def measures_of(config: CellConfig) -> Measures:
    """The measures of a cell's task."""
    return CLASSIFICATION if config.task is None else Measures(config.task.measures)


def measures_of_all(configs: Iterable[CellConfig]) -> Measures:
    """The measures of several cells' tasks, those of the first one first; classification's where there is no cell."""
    joined: Measures | None = None
    for config in configs:
        joined = measures_of(config) if joined is None else joined.joined(measures_of(config))
    return joined or CLASSIFICATION


def is_informative(key: str, config: CellConfig) -> bool:
    """Whether networks can differ in a measure: among five classes, the five best always hold the true one."""
    return config.task is not None or key != CLASSIFICATION.keys[1] or config.data.classes > _FIVE
