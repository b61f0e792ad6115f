"""Rows of the published-number ledger, in a study's table or as the paper's own table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from an_cli.errors import StudyError, nearest
from an_cli.plan import PlanRow, Published, read_ledger
from an_cli.plan.ledger import AP, TABLES
from an_cli.report.extras import accuracies
from an_cli.report.gains import Known
from an_cli.report.spec import PRECISIONS, Epoch, Measure
from an_cli.report.statistics import summarize
from an_cli.report.table import QUOTED, QUOTED_THERE, Column, Direction, Mark, RowStatus, Table, TableCell, TableRow

_CAPTIONS = {
    "table1": "Ablation study of the design choices in AN (w/ BN), ResNet-50 in ImageNet-1000",
    "table2": "Top-1 and top-5 error rates (%) in the ImageNet-1000 validation set, the vanilla setup",
    "table3": "Top-1 and top-5 error rates (%) in the ImageNet-1000 validation set, the state-of-the-art setup",
    "table4": "Detection and segmentation in MS-COCO val2017, Mask R-CNN with FPN, 2x schedule",
    "table5": "Detection and segmentation in MS-COCO val2017, Cascade Mask R-CNN",
}
_CLASSIFICATION = (Measure.PARAMS, Measure.MACS, Measure.TOP1, Measure.TOP5)
_DETECTION = (Measure.ARCHITECTURE, Measure.BACKBONE, Measure.HEAD, Measure.PARAMS, *PRECISIONS)
_TITLES = {
    Measure.DESIGN: "Method",
    Measure.ARCHITECTURE: "Architecture",
    Measure.BACKBONE: "Backbone",
    Measure.HEAD: "Head",
    Measure.PARAMS: "#Params",
    Measure.MACS: "FLOPS",
    Measure.TOP1: "top-1",
    Measure.TOP5: "top-5",
    Measure.AP_BB: "AP bb",
    Measure.AP_BB50: "AP bb 50",
    Measure.AP_BB75: "AP bb 75",
    Measure.AP_M: "AP m",
    Measure.AP_M50: "AP m 50",
    Measure.AP_M75: "AP m 75",
}


def quoted_row(row: PlanRow, known: Known) -> TableRow:
    """A literature row of a study."""
    assert row.published is not None, "the plan gives every literature row its published numbers"
    cells = {**_numbers(row.published), Measure.GAIN: TableCell(marks=(Mark.LITERATURE,))}
    cells |= accuracies(cells, known.spec)
    other = known.outcomes.get(row.gain_of)
    if other is not None and not known.plan.altered:  # else it is not the paper's row that was run
        for measure in (Measure.TOP1, Measure.TOP5):
            ours, theirs = summarize(other.errors(measure, known.spec.epoch)).mean, cells[measure].value
            if ours is not None and theirs is not None:
                cells[measure] = TableCell(
                    value=theirs, bracket=theirs - ours, marks=(Mark.LITERATURE,), runs=other.runs
                )
    notes = (QUOTED, *([row.note] if row.note else []))
    quoted = _row(row.label, row.group, row.kind, notes, row.note, cells)
    return replace(quoted, label_latex=row.label_latex)


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
    rows = tuple(_published_row(one, name) for one in published)
    detection = name in ("table4", "table5")
    measures = _DETECTION if detection else (Measure.DESIGN, *_CLASSIFICATION)
    return Table(
        study=f"paper_{name}",
        caption=_CAPTIONS[name],
        epoch=Epoch.LAST,
        columns=tuple(_column(measure, name, detection) for measure in measures),
        rows=rows,
        notes=("In brackets: the improvement by AN.",) if any(one.gains for one in published) else (),
        brackets=True,
        stacked_k=name == "table1",
    )


def _column(measure: Measure, name: str, detection: bool) -> Column:
    if measure is Measure.DESIGN and name == "table1":
        return Column(measure=measure, title="Design Choices in AN (w/ BN)", direction=Direction.NONE)
    if measure in PRECISIONS:
        return Column(measure=measure, title=_TITLES[measure], direction=Direction.HIGHER, decimals=1)
    lower = measure in (Measure.TOP1, Measure.TOP5)
    direction = Direction.LOWER if lower else Direction.NONE
    return Column(measure=measure, title=_TITLES[measure], direction=direction, decimals=0 if detection else 2)


def _published_row(one: Published, name: str) -> TableRow:
    notes = (QUOTED_THERE,) if one.not_by_authors else ()
    label = one.label if name != "table1" else one.label.replace("A2 ", "A2(·) ").replace("A1 ", "A1(·) ")
    words = {Measure.ARCHITECTURE: one.architecture, Measure.BACKBONE: one.backbone, Measure.HEAD: one.head}
    cells = {**_numbers(one), **{measure: TableCell(word=word) for measure, word in words.items()}}
    for measure, gain in one.gains.items():
        key = Measure(measure if measure in AP else f"{measure}_error_pct")
        cells[key] = TableCell(value=cells[key].value, bracket=gain, marks=cells[key].marks)
    return _row(label, "" if name == "table1" else one.architecture, "literature", notes, one.note, cells)


def _numbers(published: Published) -> dict[Measure, TableCell]:
    numbers = {
        Measure.PARAMS: None if published.params_m is None else published.params_m * 1e6,
        Measure.MACS: None if published.flops_g is None else published.flops_g * 1e9,
        Measure.TOP1: published.top1_error_pct,
        Measure.TOP5: published.top5_error_pct,
        **{Measure(measure): value for measure, value in published.ap.items()},
    }
    return {measure: TableCell(value=value, marks=(Mark.LITERATURE,)) for measure, value in numbers.items()}


def _row(
    label: str, group: str, kind: str, notes: Sequence[str], remark: str, cells: Mapping[Measure, TableCell]
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
