"""A study: a file of sweeps/ as a frozen value.

Its kind says where its cells come from: `rows` (one factor at a time around a baseline), a `grid` (products) or a
`search` (one after another, by what the earlier ones came to). A study can extend another one with other base values;
that is how the small, embedded version of a table is made, so that both are the same study.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from an_cli.config import read, search_path
from an_cli.config.overrides import Override, parse
from an_cli.errors import ConfigError, StoreError, StudyError
from an_cli.files import read_yaml
from an_cli.plan.label_latex import harm
from an_cli.plan.rows import Row, grid_rows
from an_cli.plan.search import Search, read_search
from an_cli.store import Store
from an_cli.store.pulled import PulledRun, is_reference, read_pulled
from an_cli.store.variants import read_variant

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class StudyKind(StrEnum):
    """Where the cells of a study come from: the key of its file that gives them."""

    ROWS = "rows"
    GRID = "grid"
    SEARCH = "search"


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """The keys that a study file may hold."""

    title: str = ""
    extends: str | None = None
    paper: str | None = None
    base: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    rows: tuple[Row, ...] = ()
    grid: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)

    def kind(self, where: str) -> StudyKind | None:
        """The kind that its keys say; None where they leave it to the study that it extends.

        Raises:
            StudyError: keys of several kinds.
        """
        kinds = [kind for kind in StudyKind if getattr(self, kind)]
        if len(kinds) > 1:
            raise StudyError(
                f"a study has {' or a '.join(kinds)}, not both", where=where, now="split it in two studies"
            )
        return kinds[0] if kinds else None


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study with everything it extends folded in.

    Attributes:
        name: the word that names the sweep file, the report and the output.
        paper: published-number ledger (reports/paper/<paper>.csv) that its rows are compared with; not inherited, since
            another base makes other numbers.
        base: overrides of every row.
        overrides: words of the command line that have changed its base: its runs are not those of the study as written.
        kind: where its cells come from.
        lineage: names of the studies it extends, nearest first.
        search: what is searched, where it is a search; it has no rows then.
        source: the file; `shadows` is a shipped file of the same name that it hides.
    """

    name: str
    title: str
    paper: str | None
    base: tuple[str, ...]
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    lineage: tuple[str, ...]
    source: Path
    shadows: Path | None
    overrides: tuple[str, ...] = ()
    kind: StudyKind = StudyKind.ROWS
    all_seeds: tuple[int, ...] = ()  # as written, where the command line names others
    pulled: Mapping[str, PulledRun] = field(default_factory=dict)  # runs of W&B that its rows quote, as they are here
    search: Search | None = None


def load_study(name: str, overrides: Sequence[str] = ()) -> Study:
    """Read a study by name.

    Args:
        name: file name in sweeps/ without ".yaml".
        overrides: words that change the base of every row; `seed=0,1,2` names the seeds.

    Raises:
        StudyError: no such study, or a file that does not read as one.
    """
    return override_base(_load(name, ()), overrides)


def load_named(name: str, store: Store, overrides: Sequence[str] = ()) -> Study:
    """Read a study by name, or by its file's as a shell completes it; or a variant `STUDY+TAG` by what a store says.

    Raises:
        StudyError: no such study, or a variant that the store does not know.
    """
    if name.endswith((".yaml", ".yml")) and name.rpartition("/")[0] in ("", ".", "sweeps", "./sweeps"):
        name = name.rpartition("/")[2].rpartition(".")[0]
    if "+" not in name:
        return _with_pulled(load_study(name, overrides), store)
    variant = read_variant(store, name)
    if variant is None:
        raise StudyError(
            f"{name!r} is no study, and what it stands for is not on record",
            where=str(store.root),
            now=f"give the words that made it: {name.partition('+')[0]} KEY=VALUE ...",
        )
    return _with_pulled(load_study(variant.study, [*variant.overrides, *overrides]), store)


def _with_pulled(study: Study, store: Store) -> Study:
    """A study with what the store knows of the runs of W&B that it quotes."""
    references = [reference for row in study.rows for reference in row.imported]
    pulled: dict[str, PulledRun] = {}
    for reference in references:
        with suppress(StoreError):  # a damaged record of another lab's run is no reason not to run ours
            if (record := read_pulled(store, reference)) is not None:
                pulled[reference] = record
    return dataclasses.replace(study, pulled=pulled)


def study_of(name: str, content: Mapping[str, Any], source: Path) -> Study:
    """The study that a file would describe if it were written.

    Raises:
        StudyError: see `load_study`.
    """
    return _fold(name, content, source, None, ())


def override_base(study: Study, overrides: Sequence[str]) -> Study:
    """A study with words of the command line in its base.

    Raises:
        StudyError: a word that cannot be part of a study, or that every row overrules.
    """
    name = study.name
    words = parse_science(overrides, name)
    if any(word.key == "seeds" for word in words):
        raise StudyError("unknown key 'seeds'", where=name, now="write seed=0,1,2")
    _refuse_overruled(study, words)
    seeds = next((word.values for word in reversed(words) if word.key == "seed"), study.seeds)
    base = tuple(word.text for word in words if word.key != "seed")
    return dataclasses.replace(
        study,
        base=study.base + base,
        seeds=_seeds(seeds, name),
        overrides=(*study.overrides, *base),
        all_seeds=study.all_seeds or study.seeds,
    )


def _refuse_overruled(study: Study, words: Sequence[Override]) -> None:
    """A word whose key every row sets itself would change nothing, not even by a value that there is not."""
    rows = [{parse(text).key for text in row.set} for row in study.rows if not row.is_quoted]
    whole = "grid" if study.kind is StudyKind.GRID else "study"
    everywhere = set[str]().intersection(*rows) if not rows else rows[0].intersection(*rows[1:])
    for word in words:
        if study.search is not None and word.key in study.search.space:
            raise StudyError(
                f"{word.text!r} would change nothing: the search chooses {word.key}",
                where=study.name,
                now=f"edit its space in {study.source.name}",
            )
        if word.key in everywhere:
            raise StudyError(
                f"{word.text!r} would change nothing: every row of the {whole} sets it",
                where=study.name,
                now=f"edit {study.source.name}, or describe a grid of your own: --as NAME {word.key}=...",
            )


def parse_science(texts: Sequence[str], where: str) -> list[Override]:
    """Parse words that may be part of a study.

    Raises:
        StudyError: a word that is no override, or a launch setting, which is never part of an id.
    """
    try:
        words = [parse(text) for text in texts]
    except ConfigError as error:
        raise StudyError(error.what, where=where, now=error.now) from error
    for word in words:
        if word.key.split(".")[0] == "launch":
            raise StudyError(
                f"{word.text!r} is not part of a study", where=where, now="launch settings are given when it is run"
            )
    return words


def _load(name: str, above: tuple[str, ...]) -> Study:
    if name in above:
        raise StudyError(
            f"studies extend each other in a circle: {' -> '.join([*above, name])}", where=name, now="break it"
        )
    if not _NAME.fullmatch(name):
        raise StudyError(f"{name!r} cannot name a study", where="STUDY", now="use letters, digits, - and _, no folders")
    path = search_path.find("sweeps", name, error=StudyError, what="study")
    return _fold(name, read_yaml(path.path, StudyError), path.path, path.shadows, above)


def _fold(name: str, content: Any, source: Path, shadows: Path | None, above: tuple[str, ...]) -> Study:
    """The study that a file's content describes, with what it extends folded in."""
    file = read(StudyFile, content, where=source.name, error=StudyError)
    parent = _load(file.extends, (*above, name)) if file.extends else None
    kind = file.kind(name) or (parent.kind if parent else StudyKind.ROWS)
    rows = _rows(file, kind, name) or (parent.rows if parent and kind is not StudyKind.SEARCH else ())
    seeds = _seeds(file.seeds or (parent.seeds if parent else (0,)), name)
    study = Study(
        name=name,
        title=file.title or (parent.title if parent else name),
        paper=file.paper,
        base=(parent.base if parent else ()) + file.base,
        seeds=seeds,
        rows=rows,
        lineage=(parent.name, *parent.lineage) if parent else (),
        source=source,
        shadows=shadows,
        kind=kind,
        search=read_search(file.search, seeds, name) if file.search else parent.search if parent else None,
    )
    _check(study)
    return study


def _seeds(seeds: Sequence[Any], name: str) -> tuple[int, ...]:
    wrong = [seed for seed in seeds if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0]
    if wrong or len(set(seeds)) != len(seeds) or not seeds:
        raise StudyError(
            f"{list(seeds)} are not seeds",
            where=f"{name}: seeds",
            now="give different whole numbers, 0 or more: seed=0,1,2",
        )
    return tuple(seeds)


def _rows(file: StudyFile, kind: StudyKind, name: str) -> tuple[Row, ...]:
    """The rows that the file itself gives."""
    match kind:
        case StudyKind.ROWS:
            return file.rows
        case StudyKind.GRID:
            return grid_rows(file.grid, name) if file.grid else ()
        case StudyKind.SEARCH:
            return ()


def _check(study: Study) -> None:
    if not study.rows and study.search is None:
        raise StudyError(
            "the study has no rows", where=str(study.source), now="write rows:, grid: or search:, or extend a study"
        )
    labels = Counter(row.label for row in study.rows)
    for label, count in labels.items():
        if count > 1:
            raise StudyError(f"two rows are labelled {label!r}", where=study.name, now="give each row its own label")
    for row in study.rows:
        _check_row(study, row, labels)
    _refuse_seeds(study)
    _check_baselines(study)


def _check_row(study: Study, row: Row, labels: Container[str]) -> None:
    for key, named in (("gain_over", row.gain_over), ("gain_of", row.gain_of)):
        if named is not None and named not in labels:
            raise StudyError(f"{key} names no row: {named!r}", where=f"{study.name}: {row.label}", now="use a label")
    if row.label_latex and (wrong := harm(row.label_latex)):
        place = f"{study.name}, row {row.label!r}: label_latex"
        raise StudyError(f"{row.label_latex!r}: {wrong}", where=place, now="write what may stand in a table's cell")
    _check_quoted(study, row)


def _refuse_seeds(study: Study) -> None:
    """Seeds are the study's own: a row that names one would be compared over other seeds than its reference."""
    for place, words in (("base", study.base), *((f"row {row.label!r}", row.set) for row in study.rows)):
        for word in parse_science(words, f"{study.name}, {place}"):
            if word.key == "seed":
                raise StudyError(
                    f"{word.text!r} names a seed", where=f"{study.name}, {place}", now="seeds: of the study does"
                )


def _check_quoted(study: Study, row: Row) -> None:
    place = f"{study.name}: {row.label}"
    if row.is_quoted and (row.set or row.baseline):
        kind = "a literature row" if row.literature is not None else "an imported row"
        raise StudyError(f"{kind} is quoted, not run", where=place, now="drop set, baseline")
    if row.imported and (row.literature is not None or row.paper is not None):
        raise StudyError("the row quotes both W&B and a ledger", where=place, now="make two rows of it")
    for reference in row.imported:
        if not is_reference(reference):
            raise StudyError(f"{reference!r} names no run of W&B", where=place, now="write ENTITY/PROJECT/ID")


def _check_baselines(study: Study) -> None:
    for group in dict.fromkeys(row.group for row in study.rows):
        members = [row for row in study.rows if row.group == group]
        baselines = [row.label for row in members if row.baseline]
        place = f"{study.name}: group {group!r}" if group else study.name
        if len(baselines) > 1:
            raise StudyError(
                f"{len(baselines)} baselines: {'; '.join(baselines)}", where=place, now="keep one per group"
            )
        if not baselines and any(not row.is_quoted for row in members):
            raise StudyError("no row is the baseline", where=place, now="mark one row of the group with baseline: true")
