"""Rows of the published-number ledger, in a study's table or as the paper's own table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from an_cli.errors import StudyError, nearest
from an_cli.plan import PlanRow, Published, read_ledger
from an_cli.plan.ledger import TABLES
from an_cli.report.compare.extras import complements
from an_cli.report.compare.gains import TableInputs
from an_cli.report.spec import Epoch, Quantity
from an_cli.report.statistics.seeds import summarize
from an_cli.report.table import QUOTED, QUOTED_THERE, Column, Direction, Mark, RowStatus, Table, TableCell, TableRow
from an_cli.store import CLASSIFICATION, DETECTION

_CAPTIONS = {
    "table1": "Ablation study of the design choices in AN (w/ BN), ResNet-50 in ImageNet-1000",
    "table2": "Top-1 and top-5 error rates (%) in the ImageNet-1000 validation set, the vanilla setup",
    "table3": "Top-1 and top-5 error rates (%) in the ImageNet-1000 validation set, the state-of-the-art setup",
    "table4": "Detection and segmentation in MS-COCO val2017, Mask R-CNN with FPN, 2x schedule",
    "table5": "Detection and segmentation in MS-COCO val2017, Cascade Mask R-CNN",
}
_CLASSIFICATION = (Quantity.PARAMS, Quantity.MACS, *CLASSIFICATION.keys)
_DETECTION = (Quantity.ARCHITECTURE, Quantity.BACKBONE, Quantity.HEAD, Quantity.PARAMS, *DETECTION.keys)
_WORDS = (Quantity.ARCHITECTURE, Quantity.BACKBONE, Quantity.HEAD)
_TITLES: dict[str, str] = {
    Quantity.DESIGN: "Method",
    Quantity.ARCHITECTURE: "Architecture",
    Quantity.BACKBONE: "Backbone",
    Quantity.HEAD: "Head",
    Quantity.PARAMS: "#Params",
    Quantity.MACS: "FLOPS",
    **{measure.key: measure.short for measure in CLASSIFICATION.all},
    **dict(zip(DETECTION.keys, ("AP bb", "AP bb 50", "AP bb 75", "AP m", "AP m 50", "AP m 75"), strict=True)),
}


def quoted_row(row: PlanRow, inputs: TableInputs) -> TableRow:
    """A row of a study that quotes the literature, or runs of W&B."""
    assert row.published is not None, "the plan gives every quoted row its numbers"
    cells = {**_numbers(row.published), Quantity.GAIN: TableCell(marks=(Mark.LITERATURE,))}
    cells |= _of_runs(row.published, inputs.spec.epoch)
    cells |= complements(cells, inputs.spec, inputs.measures)
    other = inputs.outcomes.get(row.gain_of)
    if other is not None and not inputs.plan.altered:  # else it is not the paper's row that was run
        for measure in inputs.measures.all:
            ours = summarize(other.values(measure.key, inputs.spec.epoch)).mean
            theirs = cells.get(measure.key, TableCell())
            if ours is not None and theirs.value is not None:
                gain = measure.better.sign * (ours - theirs.value)
                cells[measure.key] = replace(theirs, bracket=gain, runs=other.runs)
    notes = (QUOTED, *([row.note] if row.note else []))
    quoted = _row(row.label, row.group, row.kind, notes, row.note, cells)
    return replace(quoted, label_latex=row.label_latex)


def _of_runs(published: Published, epoch: Epoch) -> dict[str, TableCell]:
    """Mean and spread over runs of W&B; a measure without a value at the table's epoch prints none."""
    if not published.by_run:
        return {}
    cells: dict[str, TableCell] = dict.fromkeys(published.values, TableCell(marks=(Mark.LITERATURE,)))
    for key, values in published.by_run.get(epoch.value, {}).items():
        over_runs = summarize(dict(enumerate(values)))
        cells[key] = TableCell(
            value=over_runs.mean, spread=over_runs.std, values=over_runs.values, marks=(Mark.LITERATURE,)
        )
    return cells


def published_table(name: str) -> Table:
    """One of the paper's tables, from the ledger alone.

    Args:
        name: table1 to table5.

    Raises:
        StudyError: no such table.
    """
    if name not in TABLES:
        raise StudyError(f"the paper has no {name!r}", where="reports/paper", now=nearest(name, TABLES))
    published = list(read_ledger(name).values())
    rows = tuple(_published_row(entry, name) for entry in published)
    detection = name in ("table4", "table5")
    measures = _DETECTION if detection else (Quantity.DESIGN, *_CLASSIFICATION)
    return Table(
        study=f"paper_{name}",
        caption=_CAPTIONS[name],
        epoch=Epoch.LAST,
        columns=tuple(_column(measure, name, detection) for measure in measures),
        rows=rows,
        notes=("In brackets: the improvement by AN.",) if any(entry.gains for entry in published) else (),
        brackets=True,
        stacked_k=name == "table1",
    )


def _column(measure: str, name: str, detection: bool) -> Column:
    if measure is Quantity.DESIGN and name == "table1":
        return Column(measure=measure, title="Design Choices in AN (w/ BN)", direction=Direction.NONE)
    if measure in DETECTION:
        return Column(measure=measure, title=_TITLES[measure], direction=Direction.HIGHER, decimals=1)
    lower = measure in CLASSIFICATION
    direction = Direction.LOWER if lower else Direction.NONE
    return Column(measure=measure, title=_TITLES[measure], direction=direction, decimals=0 if detection else 2)


def _published_row(entry: Published, name: str) -> TableRow:
    notes = (QUOTED_THERE,) if entry.not_by_authors else ()
    label = entry.label if name != "table1" else entry.label.replace("A2 ", "A2(·) ").replace("A1 ", "A1(·) ")
    words = (entry.architecture, entry.backbone, entry.head)
    named: dict[str, TableCell] = {key: TableCell(word=word) for key, word in zip(_WORDS, words, strict=True)}
    cells = _numbers(entry) | named
    for key, gain in entry.gains_by_key.items():
        cells[key] = TableCell(value=cells[key].value, bracket=gain, marks=cells[key].marks)
    return _row(label, "" if name == "table1" else entry.architecture, "literature", notes, entry.note, cells)


def _numbers(published: Published) -> dict[str, TableCell]:
    numbers: dict[str, float | None] = {
        Quantity.PARAMS: None if published.params_m is None else published.params_m * 1e6,
        Quantity.MACS: None if published.flops_g is None else published.flops_g * 1e9,
        **dict.fromkeys(CLASSIFICATION.keys),
        **published.values,
    }
    return {measure: TableCell(value=value, marks=(Mark.LITERATURE,)) for measure, value in numbers.items()}


def _row(
    label: str, group: str, kind: str, notes: Sequence[str], remark: str, cells: Mapping[str, TableCell]
) -> TableRow:
    return TableRow(
        label=label,
        kind=kind,
        group=group,
        baseline=False,
        reference="",
        status=RowStatus.LITERATURE,
        marks=(Mark.LITERATURE,),
        seeds=(),
        planned=(),
        runs=(),
        notes=tuple(notes),
        remark=remark,
        cells=cells,
    )
