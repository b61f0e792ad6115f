"""What a run is trained for, as a config: the measures a task declares, and a task from the user's own package.

A task without a config of its own is classification, which every cell of before tasks existed is. The measures of a
user's task stand in its config, and so in `cell.json`: a table is made of it where the user's package is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Better(StrEnum):
    """Which of two values of a measure is the better one. The only place that knows a sign."""

    LOWER = "lower"
    HIGHER = "higher"

    @property
    def sign(self) -> int:
        """1 where a larger value is better, else -1: `sign * (new - old)` is above zero for an improvement."""
        return 1 if self is Better.HIGHER else -1

    def beats(self, new: float, old: float) -> bool:
        """Whether a value is better than another; equal ones do not beat each other."""
        return self.sign * (new - old) > 0


class Summary(StrEnum):
    """How a measure's value follows from its per-sample evidence."""

    ERROR_PCT = "error_pct"  # of bits, 1 where the sample was right: per cent of zeros
    MEAN = "mean"  # of numbers
    ROOT_MEAN = "root_mean"  # of numbers: the root of their mean, as RMSE of squared errors


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands behind a measure, sample by sample: a plane of `correct.bin`, without the word last or best."""

    plane: str
    summary: Summary


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number that an evaluation gives.

    Attributes:
        key: in records, in JSON and CSV, and as a column of a table's spec.
        title: as it stands within a sentence: "accuracy", "RMSE".
        unit: "%", "m"; empty for a number without one.
        better: which of two values is the better one.
        decimals: printed, where a spec does not say.
        evidence: per-sample evidence behind it; None: rows are compared by their seeds alone.
        short: its title in a narrow column's head; empty: the title.
        at_most: key of the measure whose value it cannot exceed; empty: of none.
    """

    key: str
    title: str
    unit: str
    better: Better
    decimals: int
    evidence: Evidence | None
    short: str = ""
    at_most: str = ""

    @property
    def head(self) -> str:
        """The head of its column, with its unit."""
        return f"{self.short or self.title} ({self.unit})" if self.unit else self.short or self.title

    @property
    def axis(self) -> str:
        """The title of its axis, with its unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def text(self, values: Mapping[str, float]) -> str:
        """Title and value of this measure among an evaluation's, for a line of text: "RMSE 0.312 m"."""
        return f"{self.title} {values[self.key]:.{self.decimals}f} {self.unit}".rstrip()


@dataclass(frozen=True, kw_only=True)
class PluginTaskConfig:
    """A task from the user's package: an entry point of group `an_cli.tasks`, and the measures that it reports.

    The first measure is the primary one: it decides which epoch is the best.
    """

    entry_point: str
    parameters: Mapping[str, Any]
    measures: tuple[Measure, ...]

    def __hash__(self) -> int:  # a mapping has none
        return hash((self.entry_point, *sorted(self.parameters), *self.measures))
