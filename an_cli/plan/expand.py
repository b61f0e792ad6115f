"""A study becomes a plan: ordered rows, and the cells they need, each once."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from an_cli.config import CellConfig, Composer, cell_id
from an_cli.errors import AnError, StudyError, nearest
from an_cli.plan.imported import imported_numbers
from an_cli.plan.labels import Choice, label_references, make_labels
from an_cli.plan.ledger import Published, read_ledger
from an_cli.plan.rows import Row
from an_cli.plan.study import Study, StudyKind


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run to make: what is run, its id, and a name that prints only what differs within the study."""

    config: CellConfig
    id: str
    label: str
    choices: Mapping[str, str]
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """One line of the table to come, with the ids of its cells, one per seed.

    `set` is what it changes in the base, as written; what it does not set is to be equal between rows.
    """

    label: str
    kind: str  # "trained" | "literature" | "imported"
    group: str
    baseline: bool
    gain_over: str
    differs: tuple[str, ...]
    cells: tuple[str, ...]
    published: Published | None
    note: str
    set: tuple[str, ...] = ()
    gain_of: str = ""
    label_latex: str = ""

    @property
    def is_quoted(self) -> bool:
        """Whether its numbers come from elsewhere, and nothing is run for it."""
        return self.kind != "trained"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a study needs run, before anything is."""

    study: str
    title: str
    lineage: tuple[str, ...]
    rows: tuple[PlanRow, ...]
    cells: tuple[Cell, ...]
    overrides: tuple[str, ...] = ()  # of the base, from the command line
    some_seeds: tuple[int, ...] = ()  # that the command line names, where they are not all of the study's

    @property
    def altered(self) -> bool:
        """Whether the command line has changed the base: not what the published rows were."""
        return bool(self.overrides)

    @property
    def folder(self) -> str:
        """Name of its links and files: the study's; with overrides another, so that neither hides the other."""
        if not self.overrides:
            return self.study
        return f"{self.study}+{hashlib.sha256(' '.join(sorted(self.overrides)).encode()).hexdigest()[:6]}"

    @property
    def file_name(self) -> str:
        """Name of its table's files: a table of some seeds does not take the place of one of all."""
        if not self.some_seeds:
            return self.folder
        return f"{self.folder}+seed={'-'.join(map(str, self.some_seeds))}"

    def cell(self, cell_id: str) -> Cell:
        """The cell of an id."""
        return self._by_id[cell_id]

    def row_of(self, cell_id: str) -> str:
        """The label of a cell's row; of the rows, where several share it."""
        return "; ".join(row.label for row in self.rows if cell_id in row.cells)

    @cached_property
    def _by_id(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self.cells}


def make_plan(study: Study, composer: Composer | None = None) -> Plan:
    """Expand a study.

    Args:
        study: what to expand.
        composer: shared by several plans to compose each choice of groups once.

    Raises:
        StudyError: a row whose overrides do not compose; the message names the row.
    """
    composer = composer or Composer()
    ledger = read_ledger(study.paper) if study.paper else {}
    runs: dict[str, Choice] = {}
    rows = []
    baselines = {row.group: row.label for row in study.rows if row.baseline}
    for row in study.rows:
        ids = [] if row.is_quoted else _cells(study, row, composer, runs)
        rows.append(_plan_row(study, row, tuple(ids), ledger, baselines))
    _refuse_twins(study, rows)
    labels = _labels(study, rows, runs, composer)
    cells = tuple(
        Cell(config=config, id=run_id, label=labels[run_id], choices=choices)
        for run_id, (config, choices) in runs.items()
    )
    return Plan(
        study=study.name,
        title=study.title,
        lineage=study.lineage,
        rows=tuple(rows),
        cells=cells,
        overrides=study.overrides,
        some_seeds=study.seeds if set(study.seeds) < set(study.all_seeds) else (),
    )


def take_seeds(plan: Plan, counts: Mapping[str, int]) -> Plan:
    """The plan with only the first seeds of each row.

    Args:
        plan: with as many seeds as any row may need.
        counts: row label -> how many; a row that is not named keeps all.
    """
    rows = tuple(dataclasses.replace(row, cells=row.cells[: counts.get(row.label)]) for row in plan.rows)
    kept = {run_id for row in rows for run_id in row.cells}
    return dataclasses.replace(plan, rows=rows, cells=tuple(cell for cell in plan.cells if cell.id in kept))


def _cells(study: Study, row: Row, composer: Composer, runs: dict[str, Choice]) -> list[str]:
    ids = []
    for seed in study.seeds:
        try:
            composed = composer.compose([*study.base, *row.set, f"seed={seed}"])
        except AnError as error:
            raise StudyError(
                error.what, where=f"{study.name}, row {row.label!r}: {error.where}", now=error.now
            ) from error
        run_id = cell_id(composed.cell)
        runs.setdefault(run_id, (composed.cell, composed.choices))
        ids.append(run_id)
    return ids


def _labels(study: Study, rows: Sequence[PlanRow], runs: Mapping[str, Choice], composer: Composer) -> dict[str, str]:
    if not runs:
        return {}
    baseline = next((row.cells[0] for row in rows if row.baseline), next(iter(runs)))
    grid = study.kind is StudyKind.GRID
    own = next((row.label.replace(", ", ",") for row in rows if row.baseline), "") if grid else ""
    references = label_references(runs, runs[baseline], study.base, composer)
    return make_labels({run_id: config for run_id, (config, _) in runs.items()}, references, own)


def _refuse_twins(study: Study, rows: Sequence[PlanRow]) -> None:
    """Two rows of a group that are one experiment would be compared with themselves, under labels one of which errs."""
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for row in rows:
        if row.is_quoted:
            continue
        twin = seen.setdefault((row.group, row.cells), row.label)
        if twin != row.label:
            raise StudyError(
                f"{twin!r} and {row.label!r} are the same experiment",
                where=" ".join([study.name, *study.overrides]),
                now="drop the override that makes them so" if study.overrides else "drop one of the rows",
            )


def _plan_row(
    study: Study, row: Row, cells: tuple[str, ...], ledger: Mapping[str, Published], baselines: Mapping[str, str]
) -> PlanRow:
    published = _published(study, row, ledger)
    return PlanRow(
        label=row.label,
        kind="imported" if row.imported else "literature" if row.literature else "trained",
        group=row.group,
        baseline=row.baseline,
        gain_over=row.gain_over or baselines.get(row.group, ""),
        differs=row.differs,
        cells=cells,
        published=published,
        note=published.note if published else "",
        set=row.set,
        gain_of=row.gain_of or "",
        label_latex=row.label_latex,
    )


def _published(study: Study, row: Row, ledger: Mapping[str, Published]) -> Published | None:
    if row.imported:
        return imported_numbers(row, study.pulled)
    key = row.literature or (row.paper if study.paper else None)
    if key is None:
        return None
    if key not in ledger:
        raise StudyError(
            f"no published row {key!r}", where=f"{study.name}, row {row.label!r}", now=nearest(key, ledger)
        )
    return ledger[key]
