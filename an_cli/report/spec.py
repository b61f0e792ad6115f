"""What a table shows: `reports/<study>.yaml`, read strictly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from an_cli.config import read, search_path
from an_cli.errors import ReportError, nearest
from an_cli.files import read_yaml
from an_cli.plan import Plan
from an_cli.report.evidence.config_columns import config_leaves
from an_cli.store import DETECTION, Measures, measures_of_all

_MOST_DECIMALS = 6
MEASURES = "measures"  # as a column: every measure of the study's task


class Quantity(StrEnum):
    """What a column can show."""

    DESIGN = "design"
    ARCHITECTURE = "architecture"
    BACKBONE = "backbone"  # normalization of the backbone, and of the detector's head
    HEAD = "head"
    SEEDS = "seeds"
    PARAMS = "params"
    MACS = "macs"
    LOSS = "loss"  # of the evaluation
    TRAIN_TIME = "train_s"
    GAIN = "gain"
    DIFFERS = "differs"  # whether the row is told apart from its reference
    PAPER = "paper"  # the published number, ours less it, and whether ours could have given it
    PAPER_DIFFERENCE = "paper_difference"
    PAPER_VERDICT = "paper_verdict"


TEXTS = (Quantity.DESIGN, Quantity.ARCHITECTURE, Quantity.BACKBONE, Quantity.HEAD)
EXTRAS = (Quantity.LOSS, Quantity.TRAIN_TIME)  # in a table only where its spec names them
ABOUT_PAPER = (Quantity.PAPER, Quantity.PAPER_DIFFERENCE, Quantity.PAPER_VERDICT)


class Epoch(StrEnum):
    """Whose numbers are printed: the last epoch's, or those of the best epoch by the primary measure."""

    LAST = "last"
    BEST = "best"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a study becomes a table.

    Attributes:
        caption: None takes the study's title.
        columns: in print order: quantities, keys of measures, and dotted keys of the config.
        epoch: the epoch whose errors are printed.
        decimals: of measures and their differences; None: those that each measure declares.
        paper_labels: print a row under its published label, where it has one.
        brackets: gains stand in brackets beside the measures, as in the paper.
        stacked_k: LaTeX sets K=(10,10,20,20) upright, as the paper's Table 1.
        math: LaTeX sets `$...$` in labels and in the caption as mathematics; elsewhere it is printed as written.
        waive: differences between rows that the study does not declare and that are let through, as footnotes.
        alpha: error rate over the table's comparisons.
    """

    caption: str | None
    columns: tuple[str, ...]
    epoch: Epoch
    decimals: int | None
    paper_labels: bool = False
    brackets: bool = False
    stacked_k: bool = False
    math: bool = False
    waive: tuple[str, ...] = ()
    alpha: float = 0.05


def load_spec(plan: Plan) -> Spec:
    """The spec of a study: its own, else that of the nearest study it extends that has one, else the default.

    Raises:
        ReportError: a spec that does not read as one.
    """
    names = set(search_path.names("reports"))
    name = next((name for name in (plan.study, *plan.lineage) if name in names), "default")
    path = search_path.find("reports", name, error=ReportError, what="report")
    where = str(path.path)
    spec = _checked(read(Spec, read_yaml(path.path, ReportError), where=name, error=ReportError), where)
    measures = measures_of_plan(plan)
    columns = [key for column in spec.columns for key in (measures.keys if column == MEASURES else (column,))]
    return replace(spec, columns=tuple(_shown(column, plan, measures, f"{where}: columns") for column in columns))


def with_columns(spec: Spec, plan: Plan, columns: Iterable[str], where: str) -> Spec:
    """A spec with columns beside its own.

    Args:
        spec: of the study.
        plan: the study.
        columns: as a report file names them.
        where: who asks for them.

    Raises:
        ReportError: no such column.
    """
    measures = measures_of_plan(plan)
    added = [column for column in dict.fromkeys(columns) if column not in spec.columns]
    return replace(spec, columns=(*spec.columns, *(_shown(column, plan, measures, where) for column in added)))


def measures_of_plan(plan: Plan) -> Measures:
    """The measures of a study's tasks."""
    return measures_of_all(cell.config for cell in plan.cells)


def _shown(column: str, plan: Plan, measures: Measures, where: str) -> str:
    """A quantity, a measure, or a key that some cell of the study has: a network without it prints a dash there."""
    quantities = {quantity.value: quantity for quantity in Quantity}
    if column in quantities:
        return quantities[column]
    beside = tuple(complement.measure.key for complement in measures.complements)
    if column in (*measures.keys, *beside, *DETECTION.keys):  # quoted rows have these in any study
        return column
    keys = {key for cell in plan.cells for key, _ in config_leaves(cell.config)} - {"seed"}
    if column not in keys:
        now = (
            nearest(column, keys)
            if "." in column
            else nearest(column, [*quantities, MEASURES, *measures.keys, *beside])
        )
        raise ReportError(f"no column {column!r}", where=where, now=f"{now}; or a key of the config")
    return column


def _checked(spec: Spec, where: str) -> Spec:
    if not spec.columns or len(set(spec.columns)) != len(spec.columns):
        shown = ", ".join(spec.columns) or "none"
        raise ReportError(f"columns: {shown}", where=where, now="name each column once, and at least one")
    if spec.decimals is not None and not 0 <= spec.decimals <= _MOST_DECIMALS:
        raise ReportError(f"{spec.decimals} decimals", where=where, now=f"write 0 to {_MOST_DECIMALS}")
    if not 0 < spec.alpha < 0.5:
        raise ReportError(f"alpha: {spec.alpha}", where=where, now="write an error rate, for example 0.05")
    return spec
