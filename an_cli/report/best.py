"""Which row is best, and which cannot be told apart from it.

The lowest mean of m rows is called the best only if it is told apart from each of the others at 2 alpha / m: then, of m
equally good rows, one is wrongly called best with probability alpha at most (each may be it by chance at alpha / m, one
sided). A best row that is not its group's baseline must also be told apart from the baseline in the table's own
comparison, so that a table without any difference keeps one error rate for both questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from an_cli.report import comparability
from an_cli.report.differences import compare
from an_cli.report.gains import TESTED, Gain, Known
from an_cli.report.outcome import Outcome
from an_cli.report.spec import Measure
from an_cli.report.table import Mark


def best_marks(known: Known, gains: Mapping[str, Gain]) -> dict[tuple[str, Measure], Mark]:
    """(label, measure) -> best or tied, for the groups whose rows are comparable.

    With a stopping rule on nothing is marked: its p-values are for the comparisons with the baseline alone.
    """
    if known.rule is not None:
        return {}
    groups: dict[str, list[str]] = {}
    for label in known.outcomes:
        groups.setdefault(known.rows[label].group, []).append(label)
    found: dict[tuple[str, Measure], Mark] = {}
    for labels in groups.values():
        for measure in TESTED:
            found.update({(label, measure): mark for label, mark in _of_group(labels, measure, known, gains).items()})
    return found


def _of_group(labels: Sequence[str], measure: Measure, known: Known, gains: Mapping[str, Gain]) -> dict[str, Mark]:
    means = {label: mean for label in labels if (mean := _mean(known.outcomes[label], measure, known)) is not None}
    comparable = comparability.same_data(known.outcomes[label] for label in means)
    if len(means) < 2 or not comparable or any(gains[label].refused for label in means):
        return {}
    best = min(means, key=means.__getitem__)
    apart = {label: _apart(best, label, len(means), measure, known) for label in means if label != best}
    if None in apart.values():
        return {}  # nothing is known of some difference
    tied = [label for label, yes in apart.items() if not yes]
    gain = gains[best].compared.get(measure)
    gated = known.rows[best].baseline or (gain is not None and bool(gain.separated(known.spec.alpha)))
    if gated and not tied:
        return {best: Mark.BEST}
    return dict.fromkeys([best, *tied], Mark.TIED)


def _mean(outcome: Outcome, measure: Measure, known: Known) -> float | None:
    errors = [*outcome.errors(measure, known.spec.epoch).values()]
    return sum(errors) / len(errors) if errors else None


def _apart(best: str, other: str, rows: int, measure: Measure, known: Known) -> bool | None:
    found = compare(known.outcomes[best], known.outcomes[other], measure, known.spec.epoch)
    return None if found is None or found.p is None else found.p * rows / 2 <= known.spec.alpha
