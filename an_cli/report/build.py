"""Plan + records + costs + spec -> Table: pure, so that a table can be written by hand in a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from an_cli.plan import Cell, Plan, PlanRow
from an_cli.report import comparability
from an_cli.report.outcome import Outcome, outcome_of, seeds_text
from an_cli.report.spec import Measure, Spec, load_spec
from an_cli.report.statistics import Difference, difference, summarize
from an_cli.report.table import QUOTED, Mark, RowStatus, Table, TableCell, TableRow
from an_cli.report.wording import columns_of, general_notes
from an_cli.store import RunRecord, Store, read_runs


class Cost(Protocol):
    """What a cell's network takes: learnable parameters, and multiply-accumulates for one sample."""

    @property
    def params(self) -> int: ...

    @property
    def macs(self) -> int: ...


def make_table(plan: Plan, store: Store, costs: Mapping[str, Cost], spec: Spec | None = None) -> Table:
    """The table of a study from what is on disk.

    Args:
        plan: the study's rows and cells.
        store: where its runs are; runs that are missing, damaged or unfinished are marked, never guessed.
        costs: cell id -> parameters and MACs; may be empty.
        spec: what to show; None reads `reports/<study>.yaml`.

    Raises:
        ReportError: a spec that does not read as one.
    """
    records = read_runs(store, (cell.id for cell in plan.cells))
    return build_table(plan, records, costs, spec or load_spec(plan))


def build_table(plan: Plan, records: Iterable[RunRecord], costs: Mapping[str, Cost], spec: Spec) -> Table:
    """The table of a study from values alone (see `make_table`)."""
    cells = {cell.id: cell for cell in plan.cells}
    by_id = {record.id: record for record in records}
    outcomes = {row.label: outcome_of(row, cells, by_id) for row in plan.rows if row.kind != "literature"}
    sources = _Sources(
        rows={row.label: row for row in plan.rows},
        baselines={row.group: row for row in plan.rows if row.baseline},
        cells=cells,
        outcomes=outcomes,
        costs=costs,
        spec=spec,
    )
    rows = tuple(_quoted(row) if row.kind == "literature" else _trained(row, sources) for row in plan.rows)
    return Table(
        study=plan.study,
        caption=spec.caption or plan.title,
        epoch=spec.epoch,
        columns=columns_of(spec),
        rows=rows,
        notes=general_notes(spec, rows),
    )


@dataclass(frozen=True, kw_only=True)
class _Sources:
    rows: Mapping[str, PlanRow]  # by label
    baselines: Mapping[str, PlanRow]  # by group
    cells: Mapping[str, Cell]
    outcomes: Mapping[str, Outcome]
    costs: Mapping[str, Cost]
    spec: Spec


def _quoted(row: PlanRow) -> TableRow:
    """A row of the published-number ledger."""
    published = row.published
    assert published is not None, "the plan gives every literature row its published numbers"
    numbers = {
        Measure.PARAMS: None if published.params_m is None else published.params_m * 1e6,
        Measure.MACS: None if published.flops_g is None else published.flops_g * 1e9,
        Measure.TOP1: published.top1_error_pct,
        Measure.TOP5: published.top5_error_pct,
    }
    cells = {measure: TableCell(value=value, marks=(Mark.LITERATURE,)) for measure, value in numbers.items()}
    return TableRow(
        label=row.label,
        kind=row.kind,
        group=row.group,
        baseline=False,
        reference="",
        status=RowStatus.LITERATURE,
        marks=(Mark.LITERATURE,),
        seeds=(),
        planned=(),
        runs=(),
        notes=(QUOTED, *([row.note] if row.note else [])),
        remark=row.note,
        cells={**cells, Measure.GAIN: TableCell(marks=(Mark.LITERATURE,))},
    )


def _trained(row: PlanRow, sources: _Sources) -> TableRow:
    outcome = sources.outcomes[row.label]
    notes = [outcome.note] if outcome.note else []
    return TableRow(
        label=row.label,
        kind=row.kind,
        group=row.group,
        baseline=row.baseline,
        reference=_reference(row),
        status=outcome.status,
        marks=(*((Mark.BASELINE,) if row.baseline else ()), *outcome.marks),
        seeds=tuple(outcome.finished),
        planned=row.cells,
        runs=outcome.runs,
        notes=(*notes, *_comparability(row, sources)),
        remark=row.note,
        cells={
            Measure.PARAMS: _count(row, outcome, sources.costs, Measure.PARAMS),
            Measure.MACS: _count(row, outcome, sources.costs, Measure.MACS),
            Measure.TOP1: _error(outcome, Measure.TOP1, sources.spec),
            Measure.TOP5: _error(outcome, Measure.TOP5, sources.spec),
            Measure.GAIN: _gain(row, outcome, sources),
        },
    )


def _reference(row: PlanRow) -> str:
    return row.gain_over if row.gain_over != row.label else ""


def _comparability(row: PlanRow, sources: _Sources) -> list[str]:
    """Footnotes on what a row and its group's baseline, or the row it is compared with, do not share."""
    baseline = sources.baselines.get(row.group)
    labels = dict.fromkeys((baseline.label if baseline else "", _reference(row)))
    found = comparability.own_notes(sources.outcomes[row.label])
    for other in (sources.rows[label] for label in labels if label not in ("", row.label)):
        if other.cells and row.cells:
            found += comparability.notes(
                sources.cells[row.cells[0]],
                sources.cells[other.cells[0]],
                (sources.outcomes[row.label], sources.outcomes[other.label]),
                (*row.differs, *other.differs),
                other.label,
            )
    return found


def _count(row: PlanRow, outcome: Outcome, costs: Mapping[str, Cost], measure: Measure) -> TableCell:
    """Parameters or MACs: as the runs counted them, else as the plan's costs say; both must agree."""
    counted = {int(getattr(run.result, measure.value)): None for run in outcome.finished.values()}
    told = {int(getattr(costs[run_id], measure.value)): None for run_id in row.cells if run_id in costs}
    values = [*{**counted, **told}]
    if not values:
        return TableCell(marks=(Mark.MISSING,))
    runs = outcome.runs if counted else ()
    if len(values) == 1:
        return TableCell(value=values[0], runs=runs)
    note = f"counts disagree: runs say {_say(counted)}, the model as it is now {_say(told)}"
    return TableCell(value=values[0], runs=runs, notes=(note,))


def _say(counts: Iterable[int]) -> str:
    return " and ".join(f"{count:,}" for count in counts) or "nothing"


def _error(outcome: Outcome, measure: Measure, spec: Spec) -> TableCell:
    """Mean error rate over seeds, unless they were evaluated on different data."""
    sample = summarize(outcome.errors(measure, spec.epoch))
    if not comparability.same_data([outcome]):
        note = "no mean: its seeds were evaluated on different data"
        return TableCell(values=sample.values, marks=(Mark.NOT_COMPARABLE,), notes=(note,), runs=outcome.runs)
    return TableCell(
        value=sample.mean,
        spread=sample.std,
        standard_error=sample.standard_error,
        values=sample.values,
        marks=outcome.marks,
        runs=outcome.runs,
    )


def _gain(row: PlanRow, outcome: Outcome, sources: _Sources) -> TableCell:
    """Difference row - reference of the top-1 error, where both were evaluated on the same data."""
    label = _reference(row)
    if not label:
        return TableCell(marks=(Mark.BASELINE,) if row.baseline else ())
    reference = sources.outcomes.get(label)
    if reference is None:
        note = f"no difference: {label!r} is {QUOTED}"
        return TableCell(marks=(Mark.NOT_COMPARABLE,), notes=(note,))
    runs = (*outcome.runs, *reference.runs)
    if not comparability.same_data([outcome, reference]):
        note = f"no difference: not evaluated on the same data as {label!r}"
        return TableCell(marks=(Mark.NOT_COMPARABLE,), notes=(note,), runs=runs)
    epoch = sources.spec.epoch
    found = difference(outcome.errors(Measure.TOP1, epoch), reference.errors(Measure.TOP1, epoch))
    if found is None:
        return TableCell(marks=(Mark.MISSING,), runs=runs)
    return _difference_cell(found, row, (outcome, reference), sources)


def _difference_cell(
    found: Difference, row: PlanRow, outcomes: tuple[Outcome, Outcome], sources: _Sources
) -> TableCell:
    outcome, reference = outcomes
    used = found.seeds or (*outcome.finished, *reference.finished)
    partial = (Mark.PARTIAL,) if outcome.open or reference.open else ()
    return TableCell(
        value=found.sample.mean,
        spread=found.sample.std,
        standard_error=found.sample.standard_error,
        values=found.sample.values,
        paired=found.paired,
        marks=partial,
        notes=tuple(_difference_notes(found, row, outcomes, sources)),
        runs=tuple(run.record.id for side in outcomes for seed, run in side.finished.items() if seed in used),
    )


def _difference_notes(
    found: Difference, row: PlanRow, outcomes: tuple[Outcome, Outcome], sources: _Sources
) -> Iterable[str]:
    label = _reference(row)
    baseline = sources.baselines.get(row.group)
    if baseline is None or baseline.label != label:
        yield f"difference to {label!r}"
    if not found.paired:
        error = found.sample.standard_error
        known = "" if error is None else f", standard error {error:.{sources.spec.decimals}f}"
        yield f"unpaired: no seed in common with {label!r}; difference of the means{known}"
    elif len(found.seeds) < max(len(outcome.finished) for outcome in outcomes):
        yield f"difference over {seeds_text(found.seeds)}, which both rows have"
