"""What a comparison of two rows came to, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Covers(StrEnum):
    """Which variation an interval and a p-value stand for."""

    NOTHING = "nothing"  # one seed, and no per-sample record
    SAMPLES = "samples"  # one seed: another evaluation set, the same two networks
    SEEDS = "seeds"  # several seeds without per-sample records: the same evaluation set
    BOTH = "seeds and samples"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Row - reference in percentage points, and how surely.

    Attributes:
        value: the difference.
        low, high: a 95 % interval for this comparison alone; None where nothing is known of the variation.
        p: two-sided p-value of "no difference"; with looks, the repeated p-value, which holds with the looking on.
        p_table: the same by Holm over the comparisons of the table.
        effect: for several seeds the difference in standard deviations of its seeds (d_z); for one seed Cohen's g, how
            far the share of samples that only one of the two gets right lies from one half.
        seeds_variance: variance of the value from seeds, in points squared, at this number of seeds.
        samples_variance: the part that more seeds do not reduce.
        seeds: how many seeds of each row it stands on.
        looks: how many looks at growing data its p-value allows for; 1: none but this one.
        unclaimed: why nothing is said of the two designs, whatever p is; empty where something may be.
    """

    value: float
    covers: Covers
    method: str
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_table: float | None = None
    effect: float | None = None
    seeds_variance: float | None = None
    samples_variance: float | None = None
    seeds: int = 1
    looks: int = 1
    unclaimed: str = ""

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def separated(self, alpha: float) -> bool | None:
        """Whether the designs differ at this error rate over the table; None where nothing is said of them."""
        if self.unclaimed:
            return None
        p = self.p if self.p_table is None else self.p_table
        return None if p is None else p <= alpha
