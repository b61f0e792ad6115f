"""What a table shows: `reports/<study>.yaml`, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from an_cli.config import read, search_path
from an_cli.errors import ReportError
from an_cli.files import read_yaml
from an_cli.plan import Plan

_MOST_DECIMALS = 6


class Measure(StrEnum):
    """What a column can show."""

    DESIGN = "design"
    SEEDS = "seeds"
    PARAMS = "params"
    MACS = "macs"
    TOP1 = "top1_error_pct"
    TOP5 = "top5_error_pct"
    GAIN = "gain"


class Epoch(StrEnum):
    """Whose numbers are printed: the last epoch's, or those of the epoch with the lowest top-1 error."""

    LAST = "last"
    BEST = "best"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """How a study becomes a table.

    Attributes:
        caption: None takes the study's title.
        columns: in print order.
        epoch: the epoch whose errors are printed.
        decimals: of error rates and their differences.
    """

    caption: str | None
    columns: tuple[Measure, ...]
    epoch: Epoch
    decimals: int


def load_spec(plan: Plan) -> Spec:
    """The spec of a study: its own, else that of the nearest study it extends that has one, else the default.

    Raises:
        ReportError: a spec that does not read as one.
    """
    known = set(search_path.names("reports"))
    name = next((name for name in (plan.study, *plan.lineage) if name in known), "default")
    found = search_path.find("reports", name, error=ReportError, what="report")
    where = str(found.path)
    return _checked(read(Spec, read_yaml(found.path, ReportError), where=name, error=ReportError), where)


def _checked(spec: Spec, where: str) -> Spec:
    if not spec.columns or len(set(spec.columns)) != len(spec.columns):
        shown = ", ".join(spec.columns) or "none"
        raise ReportError(f"columns: {shown}", where=where, now="name each column once, and at least one")
    if not 0 <= spec.decimals <= _MOST_DECIMALS:
        raise ReportError(f"{spec.decimals} decimals", where=where, now=f"write 0 to {_MOST_DECIMALS}")
    return spec
