"""The comparisons of a table: each row with its reference, refused where they are not comparable, then Holm."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from an_cli.plan import Cell, Plan, PlanRow
from an_cli.report.compare.choose_test import after_looks, compare, looks_of
from an_cli.report.evidence import comparability
from an_cli.report.evidence.comparability import Side
from an_cli.report.evidence.outcome import RowOutcome, outcome_of
from an_cli.report.evidence.per_sample import Samples
from an_cli.report.spec import Spec, measures_of_plan
from an_cli.report.statistics.comparison import Comparison, Covers
from an_cli.report.statistics.inference import holm
from an_cli.report.statistics.stopping import Decision, RowLooks, Rule, decide
from an_cli.report.table import QUOTED
from an_cli.store import Measures, RunRecord


@dataclass(frozen=True, kw_only=True)
class TableInputs:
    """What a table is made from, looked up by label and id."""

    plan: Plan
    rows: Mapping[str, PlanRow]
    baselines: Mapping[str, PlanRow]  # by group
    cells: Mapping[str, Cell]
    outcomes: Mapping[str, RowOutcome]  # of trained rows
    spec: Spec
    measures: Measures
    rule: Rule | None
    beside: frozenset[str]  # rows whose gain stands beside other rows

    def side(self, row: PlanRow) -> Side:
        """A trained row as the comparability guard sees it."""
        cell = self.cells[row.cells[0]]
        return Side(cell=cell, set=row.set, differs=row.differs, outcome=self.outcomes[row.label])


def know(
    plan: Plan, records: Mapping[str, RunRecord], samples: Samples | None, spec: Spec, rule: Rule | None = None
) -> TableInputs:
    """Look up what a table is made from; a stopping rule's error rate is the one that its looks have spent."""
    spec = spec if rule is None else dataclasses.replace(spec, alpha=rule.alpha)
    cells = {cell.id: cell for cell in plan.cells}
    return TableInputs(
        plan=plan,
        rows={row.label: row for row in plan.rows},
        baselines={row.group: row for row in plan.rows if row.baseline},
        cells=cells,
        outcomes={row.label: outcome_of(row, cells, records, samples) for row in plan.rows if not row.is_quoted},
        spec=spec,
        measures=measures_of_plan(plan),
        rule=rule,
        beside=frozenset(row.gain_of for row in plan.rows if row.gain_of),
    )


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A row against its reference.

    Attributes:
        reference: its label; empty where the row is compared with none.
        refused: why there is no difference; empty where there may be one.
        notes: footnotes on what the two do not share.
        compared: by key of the measure; None where one of them has no number.
    """

    reference: str = ""
    refused: str = ""
    notes: tuple[str, ...] = ()
    compared: Mapping[str, Comparison | None] = dataclasses.field(default_factory=dict)


def reference_of(row: PlanRow) -> str:
    """Label of the row that a row's difference is taken from; empty for the reference itself."""
    return row.gain_over if row.gain_over != row.label else ""


def gains(inputs: TableInputs) -> dict[str, Gain]:
    """Every trained row's gain, p-values by Holm over the table, each measure on its own."""
    row_gains = {label: _gain(inputs.rows[label], inputs) for label in inputs.outcomes}
    for measure in inputs.measures.keys:
        _adjust(row_gains, measure)
    return row_gains


def _gain(row: PlanRow, inputs: TableInputs) -> Gain:
    label = reference_of(row)
    notes, hidden = _guarded(row, label, inputs)
    if not label:
        return Gain(notes=notes)
    refused = _refusal(row, label, hidden, inputs)
    compared = {} if refused else {key: compared_rows(row.label, label, key, inputs) for key in inputs.measures.keys}
    return Gain(reference=label, refused=refused, notes=notes, compared=compared)


def _guarded(row: PlanRow, label: str, inputs: TableInputs) -> tuple[tuple[str, ...], bool]:
    """Footnotes on what a row, its group's baseline and its reference do not share; whether any of it is undeclared."""
    baseline = inputs.baselines.get(row.group)
    labels = dict.fromkeys((baseline.label if baseline else "", label))
    notes, hidden = comparability.own_notes(inputs.outcomes[row.label]), False
    for other in (inputs.rows[name] for name in labels if name not in ("", row.label)):
        if other.cells and row.cells:
            guard = comparability.guard(inputs.side(row), inputs.side(other), inputs.spec.waive)
            notes += guard.notes(other.label)
            hidden = hidden or (bool(guard.hidden) and other.label == label)
    return tuple(notes), hidden


def _refusal(row: PlanRow, label: str, hidden: bool, inputs: TableInputs) -> str:
    if label not in inputs.outcomes:
        return f"no difference: {label!r} is {QUOTED}"
    if not comparability.same_data([inputs.outcomes[row.label], inputs.outcomes[label]]):
        return f"no difference: not evaluated on the same data as {label!r}"
    if hidden:
        return f"no difference: see what it does not share with {label!r}; declare it (differs:) or --waive it"
    return ""


def refusal_between(row: str, reference: str, inputs: TableInputs) -> str:
    """Why two rows are not compared; empty where they may be."""
    line = inputs.rows[row]
    return _refusal(line, reference, _guarded(line, reference, inputs)[1], inputs)


def compared_rows(row: str, reference: str, key: str, inputs: TableInputs) -> Comparison | None:
    """Two comparable rows, and whether anything may be said of their designs."""
    here, there, epoch = inputs.outcomes[row], inputs.outcomes[reference], inputs.spec.epoch
    measure = inputs.measures[key]
    if inputs.rule is None:
        comparison = compare(here, there, measure, epoch)
        return (
            None
            if comparison is None
            else dataclasses.replace(comparison, unclaimed=_unclaimed(here, there, comparison))
        )
    return after_looks(looks_of(here, there, measure, epoch, inputs.rule), inputs.rule)


def _unclaimed(row: RowOutcome, reference: RowOutcome, comparison: Comparison) -> str:
    """Why a comparison is of these runs and not of their designs; a look of a stopping rule is complete."""
    if row.failed or reference.failed:
        return "seeds failed"  # those that are left may be the lucky ones
    if row.open or reference.open:
        return "incomplete"  # a look at part of the data, which no p-value here allows for
    return "one seed" if comparison.covers is Covers.SAMPLES else ""


def _adjust(row_gains: dict[str, Gain], measure: str) -> None:
    """Holm over all rows that something may be claimed of, for this measure; the others stay outside."""
    tested = {
        label: comparison
        for label, gain in row_gains.items()
        if (comparison := gain.compared.get(measure)) is not None
        and comparison.p is not None
        and not comparison.unclaimed
    }
    # Rows that are not there yet belong to the family: a claim must not vanish when they come.
    family = sum(bool(gain.reference and not gain.refused) for gain in row_gains.values())
    p_values = [comparison.p or 0.0 for comparison in tested.values()]
    adjusted = holm(p_values + [1.0] * (family - len(p_values)))
    for (label, comparison), p in zip(tested.items(), adjusted, strict=False):
        compared = {**row_gains[label].compared, measure: dataclasses.replace(comparison, p_table=p)}
        row_gains[label] = dataclasses.replace(row_gains[label], compared=compared)


def evidence(inputs: TableInputs, rule: Rule) -> tuple[RowLooks, ...]:
    """The frame that `decide` takes: every comparable row against its reference, primary measure, at every look."""
    lines = []
    for label, outcome in inputs.outcomes.items():
        row = inputs.rows[label]
        reference = reference_of(row)
        if reference and not refusal_between(row.label, reference, inputs):
            looks = looks_of(outcome, inputs.outcomes[reference], inputs.measures.primary, inputs.spec.epoch, rule)
            lines.append(RowLooks(row=label, reference=reference, looks=looks))
    return tuple(lines)


def decision(plan: Plan, records: Mapping[str, RunRecord], samples: Samples | None, spec: Spec, rule: Rule) -> Decision:
    """Which rows of a plan with all seeds need more of them, and which cannot be compared at all."""
    inputs = know(plan, records, samples, spec, rule)
    pairs = ((label, reference_of(inputs.rows[label])) for label in inputs.outcomes)
    reasons = {label: refusal_between(label, reference, inputs) for label, reference in pairs if reference}
    refused = {label: why for label, why in reasons.items() if why}
    return dataclasses.replace(decide(evidence(inputs, rule), rule), refused=refused)


def covers_of(row_gains: Mapping[str, Gain], measure: str) -> set[Covers]:
    """Which variation the table's comparisons stand for."""
    return {comparison.covers for gain in row_gains.values() if (comparison := gain.compared.get(measure)) is not None}
