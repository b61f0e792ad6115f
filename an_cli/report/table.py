"""The semantic Table: what is known of every row and how surely, before anything is text.

Renderers add nothing to it: the same numbers, marks and footnotes stand in all formats.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from an_cli.report.spec import Epoch, Quantity
from an_cli.report.statistics.comparison import Comparison
from an_cli.store import CLASSIFICATION, Measures


class Mark(StrEnum):
    """What a reader must know of a cell or a row beside its number."""

    MISSING = "missing"  # nothing was run, or nothing is finished
    PARTIAL = "partial"  # some of its seeds
    FAILED = "failed"  # at least one of its runs failed or cannot be read
    LITERATURE = "literature"  # quoted, not run here
    BASELINE = "baseline"  # the row that others are compared with
    NOT_COMPARABLE = "not comparable"
    BEST = "best"  # of its group, and told apart from every other row of it
    TIED = "tied"  # the best of its group, or not told apart from the best


class RowStatus(StrEnum):
    """How much of a row there is."""

    FINISHED = "finished"
    PARTIAL = "partial"
    FAILED = "failed"
    MISSING = "missing"
    LITERATURE = "literature"


class Direction(StrEnum):
    """Which values of a column are better."""

    LOWER = "lower"
    HIGHER = "higher"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column to print: a quantity, the key of a measure, or a dotted key of the config."""

    measure: str
    title: str
    direction: Direction
    decimals: int = 0


def is_setting(column: Column) -> bool:
    """Whether a column shows a value of the config: measures have a direction, and quantities are their own type."""
    return not isinstance(column.measure, Quantity) and column.direction is Direction.NONE


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """One number, with what it stands on.

    Attributes:
        value: mean over seeds, or a count; None prints as a dash.
        spread: sample standard deviation over seeds; None below two.
        standard_error: of the value; None where it is not known.
        values: per seed.
        paired: for differences: whether they are taken seed by seed.
        comparison: for differences: how surely.
        bracket: gain to print beside the value; positive is better.
        word: what is printed in place of a number.
        notes: texts of its footnotes.
        runs: ids of the runs it comes from.
    """

    value: float | None = None
    spread: float | None = None
    standard_error: float | None = None
    values: tuple[float, ...] = ()
    paired: bool | None = None
    comparison: Comparison | None = None
    bracket: float | None = None
    word: str = ""
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return len(self.values)


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One line.

    Attributes:
        reference: label of the row that its difference is taken from; empty for the reference itself.
        seeds: those that its numbers come from.
        planned: ids of all its cells, run or not.
        notes: texts of footnotes to the whole row.
        remark: what the published-number ledger notes of it.
        cells: every quantity and measure, printed or not.
        title: what is printed for its label; empty prints the label.
        label_latex: what LaTeX prints for its label, as it is; empty prints the label.
        config: its config but for the seed, as dotted keys.
    """

    label: str
    kind: str
    group: str
    baseline: bool
    reference: str
    status: RowStatus
    marks: tuple[Mark, ...]
    seeds: tuple[int, ...]
    planned: tuple[str, ...]
    runs: tuple[str, ...]
    notes: tuple[str, ...]
    remark: str
    cells: Mapping[str, TableCell]  # by quantity, or by key of a measure
    title: str = ""
    label_latex: str = ""
    config: Mapping[str, object] = field(default_factory=dict)

    def cell(self, measure: str) -> TableCell:
        """The cell of a quantity or a measure; an empty one where the row has none."""
        return self.cells.get(measure, _NOTHING)


_NOTHING = TableCell(marks=(Mark.MISSING,))


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a run's numbers come from."""

    seed: int
    commit: str | None
    code_tree: str
    data_fingerprint: str
    train_fingerprint: str | None
    device: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A study's table. `notes` are about the whole of it; footnotes belong to rows and cells.

    Attributes:
        file_name: under which it is written, without an ending.
        brackets, stacked_k, math: the paper's look, and `$...$` as mathematics (see `Spec`).
        sources: run id -> where its numbers come from, for every run that a cell stands on.
        alpha: error rate over its comparisons.
        looks: looks at growing data that its p-values allow for; None without a stopping rule.
        measures: of the study's tasks.
    """

    study: str
    caption: str
    epoch: Epoch
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]
    file_name: str = ""
    brackets: bool = False
    stacked_k: bool = False
    math: bool = False
    sources: Mapping[str, Provenance] = field(default_factory=dict)
    alpha: float = 0.05
    looks: int | None = None
    measures: Measures = CLASSIFICATION

    def __hash__(self) -> int:
        """Equal tables hash alike; what they hold of their rows need not be hashable."""
        return hash((self.study, self.file_name, self.caption, self.columns))

    @cached_property
    def footnotes(self) -> dict[str, str]:
        """Text -> its mark, in reading order: a dagger for quoted rows, letters for the rest."""
        texts = dict.fromkeys(text for row in self.rows for text in self._notes(row))
        letters = _letters()
        return {text: DAGGER if text in (QUOTED, QUOTED_THERE) else next(letters) for text in texts}

    def _notes(self, row: TableRow) -> Iterator[str]:
        yield from row.notes
        for column in self.columns:
            if column.measure in row.cells:
                yield from row.cells[column.measure].notes


DAGGER = "†"
QUOTED = "quoted, not run here"
QUOTED_THERE = "not trained by the paper's authors"


def _letters() -> Iterator[str]:
    count = 0
    while True:
        yield _letter(count)
        count += 1


def _letter(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    high, low = divmod(index, 26)
    return (_letter(high - 1) if high else "") + chr(ord("a") + low)


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off Python's search for cycles: tables hold none, and it takes a fifth of one of 10,000 runs."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
