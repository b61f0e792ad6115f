"""Plan + records + costs + spec -> Table: pure, so that a table can be written by hand in a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from an_cli.plan import Plan, PlanRow
from an_cli.report.compare.best import best_marks
from an_cli.report.compare.extras import extra_cells
from an_cli.report.compare.gains import Gain, TableInputs, gains, know, reference_of, refusal_between
from an_cli.report.compare.notes import general_notes
from an_cli.report.compare.published import beside_paper
from an_cli.report.compare.quoted import quoted_row
from an_cli.report.evidence import comparability
from an_cli.report.evidence.config_columns import config_leaves
from an_cli.report.evidence.outcome import RowOutcome
from an_cli.report.evidence.per_sample import Samples, read_samples
from an_cli.report.formats.wording import columns_of, decimals_of
from an_cli.report.spec import Quantity, Spec, load_spec
from an_cli.report.statistics.comparison import Comparison
from an_cli.report.statistics.seeds import Difference, difference, summarize
from an_cli.report.statistics.stopping import Rule
from an_cli.report.table import Mark, Provenance, Table, TableCell, TableRow, uncollected
from an_cli.store import RunRecord, Store, is_informative, read_run_and_count


class Cost(Protocol):
    """What a cell's network takes: learnable parameters, and multiply-accumulates for one sample."""

    @property
    def params(self) -> int: ...

    @property
    def macs(self) -> int: ...


def make_table(
    plan: Plan, store: Store, costs: Mapping[str, Cost], spec: Spec | None = None, rule: Rule | None = None
) -> Table:
    """The table of a study from what is on disk.

    Args:
        plan: the study's rows and cells.
        store: where its runs are; runs that are missing, damaged or unfinished are marked, never guessed.
        costs: cell id -> parameters and MACs; may be empty.
        spec: what to show; None reads `reports/<study>.yaml`.
        rule: the stopping rule by which seeds were added, if one was.

    Raises:
        ReportError: a spec that does not read as one.
    """
    with uncollected():
        records = [read_run_and_count(store.run(cell.id))[0] for cell in plan.cells]  # a table shows no epoch
        return build_table(
            plan, records, costs, spec or load_spec(plan), samples=read_samples(store, records), rule=rule
        )


def build_table(
    plan: Plan,
    records: Iterable[RunRecord],
    costs: Mapping[str, Cost],
    spec: Spec,
    *,
    samples: Samples | None = None,
    rule: Rule | None = None,
) -> Table:
    """The table of a study from values alone (see `make_table`).

    Args:
        samples: run id -> per-sample evidence, or why there is none; without it only seeds are compared.
    """
    inputs = know(plan, {record.id: record for record in records}, samples, spec, rule)
    row_gains = gains(inputs)
    marks = best_marks(inputs, row_gains)
    rows = tuple(
        quoted_row(row, inputs) if row.is_quoted else _trained(row, inputs, row_gains[row.label], costs, marks)
        for row in plan.rows
    )
    return Table(
        study=plan.study,
        file_name=plan.file_name,
        caption=spec.caption or plan.title,
        epoch=spec.epoch,
        columns=columns_of(spec, rows, inputs.measures),
        rows=rows,
        notes=(*_overridden(plan), *general_notes(inputs, rows, row_gains)),
        brackets=spec.brackets,
        stacked_k=spec.stacked_k,
        math=spec.math,
        sources={run_id: source for outcome in inputs.outcomes.values() for run_id, source in _sources(outcome)},
        alpha=inputs.spec.alpha,
        looks=None if rule is None else len(rule.seeds_at),
        measures=inputs.measures,
    )


def _overridden(plan: Plan) -> tuple[str, ...]:
    return (f"Not the study as written; overridden: {', '.join(plan.overrides)}.",) if plan.overrides else ()


def _sources(outcome: RowOutcome) -> Iterable[tuple[str, Provenance]]:
    for seed, run in outcome.finished.items():
        newest = run.record.attempts[-1] if run.record.attempts else None
        yield (
            run.record.id,
            Provenance(
                seed=seed,
                commit=newest.commit if newest else None,
                code_tree=run.result.code_tree,
                data_fingerprint=run.result.data_fingerprint,
                train_fingerprint=newest.train_fingerprint if newest else None,
                device=run.result.device,
            ),
        )


def _trained(
    row: PlanRow,
    inputs: TableInputs,
    gain: Gain,
    costs: Mapping[str, Cost],
    marks: Mapping[tuple[str, str], Mark],
) -> TableRow:
    outcome, published = inputs.outcomes[row.label], row.published
    notes = [outcome.note] if outcome.note else []
    measured = {key: _measured(row, key, inputs, gain, marks) for key in inputs.measures.keys}
    return TableRow(
        label=row.label,
        kind=row.kind,
        group=row.group,
        baseline=row.baseline,
        reference=reference_of(row),
        status=outcome.status,
        marks=(*((Mark.BASELINE,) if row.baseline else ()), *outcome.marks),
        seeds=tuple(outcome.finished),
        planned=row.cells,
        runs=outcome.runs,
        notes=(*notes, *gain.notes),
        remark=row.note,
        cells={
            Quantity.PARAMS: _count(row, outcome, costs, Quantity.PARAMS),
            Quantity.MACS: _count(row, outcome, costs, Quantity.MACS),
            **measured,
            Quantity.GAIN: _gain(row, inputs, gain),
            Quantity.DIFFERS: _differs(row, inputs, gain),
            **beside_paper(row, inputs),
            **extra_cells(outcome, measured, inputs.spec, inputs.measures),
        },
        title=published.label if published and inputs.spec.paper_labels else "",
        label_latex=row.label_latex,
        config=_config(row, inputs),
    )


def _config(row: PlanRow, inputs: TableInputs) -> Mapping[str, object]:
    if not row.cells:
        return {}
    return {key: value for key, value in config_leaves(inputs.cells[row.cells[0]].config) if key != "seed"}


def _count(row: PlanRow, outcome: RowOutcome, costs: Mapping[str, Cost], measure: Quantity) -> TableCell:
    """Parameters or MACs: as the runs counted them, else as the plan's costs say; both must agree."""
    counted = {int(getattr(run.result, measure.value)): None for run in outcome.finished.values()}
    counts = {int(getattr(costs[run_id], measure.value)): None for run_id in row.cells if run_id in costs}
    values = [*{**counted, **counts}]
    if not values:
        return TableCell(marks=(Mark.MISSING,))
    runs = outcome.runs if counted else ()
    if len(values) == 1:
        return TableCell(value=values[0], runs=runs)
    note = f"counts disagree: runs say {_say(counted)}, the model as it is now {_say(counts)}"
    return TableCell(value=values[0], runs=runs, notes=(note,))


def _say(counts: Iterable[int]) -> str:
    return " and ".join(f"{count:,}" for count in counts) or "nothing"


def _measured(
    row: PlanRow, key: str, inputs: TableInputs, gain: Gain, marks: Mapping[tuple[str, str], Mark]
) -> TableCell:
    """Mean of a measure over seeds, unless they were evaluated on different data."""
    outcome = inputs.outcomes[row.label]
    if not is_informative(key, inputs.cells[row.cells[0]].config):
        return TableCell(runs=outcome.runs)
    sample = summarize(outcome.values(key, inputs.spec.epoch))
    if not comparability.same_data([outcome]):
        note = "no mean: its seeds were evaluated on different data"
        return TableCell(values=sample.values, marks=(Mark.NOT_COMPARABLE,), notes=(note,), runs=outcome.runs)
    mark = marks.get((row.label, key))
    return TableCell(
        value=sample.mean,
        spread=sample.std,
        standard_error=sample.standard_error,
        values=sample.values,
        comparison=gain.compared.get(key),
        bracket=_bracket(row, key, inputs, gain),
        marks=(*outcome.marks, *((mark,) if mark else ())),
        runs=outcome.runs,
    )


def _bracket(row: PlanRow, key: str, inputs: TableInputs, gain: Gain) -> float | None:
    """The gain beside a measure: of another row over this one where the study says so, else of this one."""
    sign = inputs.measures[key].better.sign
    if row.gain_of:
        other, epoch = inputs.outcomes.get(row.gain_of), inputs.spec.epoch
        outcome = inputs.outcomes[row.label]
        if other is None or refusal_between(row.gain_of, row.label, inputs):
            return None
        delta = difference(outcome.values(key, epoch), other.values(key, epoch))
        return None if delta is None or delta.sample.mean is None else -sign * delta.sample.mean
    if row.label in inputs.beside:
        return None
    compared: Comparison | None = gain.compared.get(key)
    return None if compared is None else sign * compared.value


def _gain(row: PlanRow, inputs: TableInputs, gain: Gain) -> TableCell:
    """Difference row - reference of the primary measure, where the two are comparable."""
    if not gain.reference:
        return TableCell(marks=(Mark.BASELINE,) if row.baseline else ())
    outcome, reference = inputs.outcomes[row.label], inputs.outcomes.get(gain.reference)
    runs = (*outcome.runs, *(reference.runs if reference else ()))
    if gain.refused or reference is None:
        return TableCell(marks=(Mark.NOT_COMPARABLE,), notes=(gain.refused,), runs=runs if reference else ())
    epoch, primary = inputs.spec.epoch, inputs.measures.primary
    delta = difference(outcome.values(primary.key, epoch), reference.values(primary.key, epoch))
    if delta is None:
        return TableCell(marks=(Mark.MISSING,), runs=runs)
    used = delta.seeds or (*outcome.finished, *reference.finished)
    compared = gain.compared[primary.key]
    return TableCell(
        value=compared.value if inputs.rule and compared else delta.sample.mean,  # looks stand on whole rounds
        spread=delta.sample.std,
        standard_error=delta.sample.standard_error,
        values=delta.sample.values,
        paired=delta.paired,
        comparison=compared,
        marks=(Mark.PARTIAL,) if outcome.open or reference.open else (),
        notes=tuple(_difference_notes(delta, row, inputs)),
        runs=tuple(
            run.record.id for side in (outcome, reference) for seed, run in side.finished.items() if seed in used
        ),
    )


def _difference_notes(delta: Difference, row: PlanRow, inputs: TableInputs) -> Iterable[str]:
    label = reference_of(row)
    baseline = inputs.baselines.get(row.group)
    if baseline is None or baseline.label != label:
        yield f"difference to {label!r}"
    if not delta.paired:
        error = delta.sample.standard_error
        decimals = decimals_of(inputs.measures.primary, inputs.spec)
        of = "" if error is None else f", standard error {error:.{decimals}f}"
        shared = set(inputs.outcomes[row.label].finished) & set(inputs.outcomes[label].finished)
        seeds = "not the same seeds as" if shared else "no seed in common with"
        yield f"unpaired: {seeds} {label!r}; difference of the means{of}"


def _differs(row: PlanRow, inputs: TableInputs, gain: Gain) -> TableCell:
    """Whether the row is told apart from its reference; the wording prints it from the comparison."""
    if not gain.reference:
        return TableCell(marks=(Mark.BASELINE,) if row.baseline else ())
    compared = gain.compared.get(inputs.measures.primary.key)
    return TableCell(comparison=compared, marks=() if compared else (Mark.MISSING,))
