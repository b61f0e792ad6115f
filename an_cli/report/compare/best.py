"""Which row is best, and which cannot be told apart from it.

The best mean of a group is called the best only if it is told apart from each of the others. Where the table itself
compares the two, by Holm over all of it, that verdict is taken, so that bold and the last column never disagree; else
the two must be apart at 2 alpha / (m G), for G groups of m rows: of m equally good rows each may then be called the
best by chance at alpha / (m G). A table without any difference so keeps one error rate for both questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from an_cli.report.compare.gains import Gain, TableInputs, compared_rows, refusal_between
from an_cli.report.evidence import comparability
from an_cli.report.evidence.outcome import RowOutcome
from an_cli.report.table import Mark


def best_marks(inputs: TableInputs, gains: Mapping[str, Gain]) -> dict[tuple[str, str], Mark]:
    """(label, measure) -> best or tied, for the groups whose rows are comparable.

    With a stopping rule on nothing is marked: its p-values are for the comparisons with the baseline alone.
    """
    if inputs.rule is not None:
        return {}
    groups: dict[str, list[str]] = {}
    for label in inputs.outcomes:
        groups.setdefault(inputs.rows[label].group, []).append(label)
    several = sum(len(labels) > 1 for labels in groups.values())
    marks: dict[tuple[str, str], Mark] = {}
    for labels in groups.values():
        for measure in inputs.measures.keys:
            of_group = _of_group(labels, measure, several, inputs, gains)
            marks.update({(label, measure): mark for label, mark in of_group.items()})
    return marks


def _of_group(
    labels: Sequence[str], measure: str, groups: int, inputs: TableInputs, gains: Mapping[str, Gain]
) -> dict[str, Mark]:
    outcomes = [inputs.outcomes[label] for label in labels]
    # A row without all its seeds might be the best, or its runs the lucky ones.
    if len(labels) < 2 or any(outcome.open or not outcome.values(measure, inputs.spec.epoch) for outcome in outcomes):
        return {}
    if not comparability.same_data(outcomes) or any(gains[label].refused for label in labels):
        return {}
    means = {label: _mean(inputs.outcomes[label], measure, inputs) for label in labels}
    sign = inputs.measures[measure].better.sign
    best = max(means, key=lambda label: sign * means[label])
    apart = {
        label: _apart(best, label, len(labels) * groups, measure, inputs, gains) for label in labels if label != best
    }
    if None in apart.values():
        return {}  # nothing is said of some pair of designs
    tied = [label for label, yes in apart.items() if not yes]
    return dict.fromkeys([best, *tied], Mark.TIED) if tied else {best: Mark.BEST}


def _mean(outcome: RowOutcome, measure: str, inputs: TableInputs) -> float:
    values = [*outcome.values(measure, inputs.spec.epoch).values()]
    return sum(values) / len(values)


def _apart(
    best: str, other: str, family: int, measure: str, inputs: TableInputs, gains: Mapping[str, Gain]
) -> bool | None:
    """Whether two rows are told apart; None where nothing is said of their designs."""
    for row, reference in ((best, other), (other, best)):
        if gains[row].reference == reference:
            compared = gains[row].compared.get(measure)
            return None if compared is None else compared.separated(inputs.spec.alpha)
    if refusal_between(best, other, inputs):
        return None
    comparison = compared_rows(best, other, measure, inputs)
    if comparison is None or comparison.p is None or comparison.unclaimed:
        return None
    return comparison.p * family / 2 <= inputs.spec.alpha
