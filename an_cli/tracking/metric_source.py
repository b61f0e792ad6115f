"""Which of a W&B run's metrics is which of our measures, and what is done to it on the way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from an_cli.config.task import Better, Measure
from an_cli.errors import TrackerError, nearest
from an_cli.store import CLASSIFICATION, DETECTION, Measures

_FORM = re.compile(r"(?P<measure>[^=]+)=(?P<less>100-)?(?:(?P<scale>\d+(?:\.\d+)?)\*)?(?P<metric>.+)")
_BUILT_IN = CLASSIFICATION.joined(DETECTION)
_OWN_LAST, _OWN_BEST = ("last/{}", "eval/{}", "{}"), ("best/{}",)


@dataclass(frozen=True)
class MetricSource:
    """A metric that is read as a measure: scale times it, or 100 less that.

    Attributes:
        metric: its name in the run's summary and history.
        best: name of the summary's entry that has its best value; empty: it is looked up in the history.
    """

    measure: Measure
    metric: str
    scale: float = 1.0
    complement: bool = False
    best: str = ""

    def value(self, number: float) -> float:
        """The measure where the metric has this value."""
        return 100 - self.scale * number if self.complement else self.scale * number

    def best_of(self, values: Sequence[float]) -> float:
        """The best of the measure's values."""
        return min(values) if self.measure.better is Better.LOWER else max(values)

    def __str__(self) -> str:
        scaled = self.metric if self.scale == 1 else f"{self.scale:g}*{self.metric}"
        return f"100 - {scaled}" if self.complement else scaled


def parse_source(text: str) -> MetricSource:
    """Read `MEASURE=METRIC`, with `100-` and `NUMBER*` before the metric where it is to be turned or scaled.

    A complement, such as an accuracy, is read as the measure that it is 100 less of.

    Raises:
        TrackerError: another form, or a measure that there is not.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise TrackerError(
            f"{text!r} names no metric",
            where="--metric",
            now=f"write {CLASSIFICATION.primary.key}=METRIC, or 100-METRIC, 100*METRIC",
        )
    key = match["measure"].strip()
    of = {other.measure.key: other.of for other in _BUILT_IN.complements}
    legal = (*_BUILT_IN.keys, *of)
    if key not in legal:
        raise TrackerError(f"{key!r} is no measure", where="--metric", now=nearest(key, legal))
    scale = float(match["scale"] or 1)
    turned = (key in of) != bool(match["less"])  # an accuracy that is 100 less the metric: the metric is the error
    return MetricSource(_BUILT_IN[of.get(key, key)], match["metric"].strip(), scale, turned)


def own_sources(measures: Measures | None, summary: Mapping[str, Any]) -> list[MetricSource]:
    """The measures that a run logs under our names, as an-cli itself logs them.

    Args:
        measures: of its task, where its config is one of ours; None looks for those that an-cli ships.
        summary: of the run.
    """
    sources = []
    for measure in (measures or _BUILT_IN).all:
        last = next(
            (name for form in _OWN_LAST if number_at(summary, name := form.format(measure.key)) is not None), ""
        )
        best = next(
            (name for form in _OWN_BEST if number_at(summary, name := form.format(measure.key)) is not None), ""
        )
        if last:
            sources.append(MetricSource(measure, last, best=best))
    return sources


def number_at(summary: Mapping[str, Any], name: str) -> float | None:
    """A finite number of a summary, or None; `NAME.min` is what `define_metric(NAME, summary="min")` leaves."""
    value: Any = summary.get(name)
    if value is None and "." in name:
        outer, _, inner = name.rpartition(".")
        below = summary.get(outer)
        value = below.get(inner) if isinstance(below, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def metric_names(summary: Mapping[str, Any]) -> Iterable[str]:
    """Names of a summary that hold numbers, for messages."""
    return [name for name in summary if not name.startswith("_") and number_at(summary, name) is not None]
