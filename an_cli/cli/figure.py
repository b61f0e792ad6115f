"""What `figure` does: find the study or run, extract, draw, write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from an_cli.cli.find_run import find_run, labels_of
from an_cli.cli.report import study_table
from an_cli.cli.search_report import searched_of
from an_cli.cli.searching import ask_search
from an_cli.cli.study import ask_study, open_store, say
from an_cli.config import search_path
from an_cli.config.task import Measure
from an_cli.errors import ReportError, StoreError, nearest
from an_cli.files import cannot_write, write_atomic
from an_cli.report.figures.bands import Curves, curves_of, study_curves
from an_cli.report.figures.draw_curves import draw_curves
from an_cli.report.figures.draw_mixture import draw_mixture
from an_cli.report.figures.draw_search import (
    draw_front,
    draw_history,
    draw_importances,
    draw_parallel,
    draw_slices,
)
from an_cli.report.figures.draw_tradeoff import draw_tradeoff
from an_cli.report.figures.learned import learned
from an_cli.report.figures.style import FigureFormat, draw_bytes
from an_cli.report.figures.tradeoff import tradeoff
from an_cli.store import Measures, RunFolder, Store, measures_of_all, read_run, read_runs


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which figure of what."""

    kind: str
    target: str
    words: tuple[str, ...]
    against: str
    measure: str | None
    published: bool
    storage: str | None = None


def draw(wanted: Request, path: Path, ending: str, out: Path | None) -> Path:
    """Draw a figure and write it whole.

    Returns:
        The file.
    """
    store = open_store(path)
    makers = {"fig1": _figure_1, "tradeoff": _figure_1, "mixture": _mixture, "curves": _curves}
    raw = makers.get(wanted.kind, _of_search)(wanted, store, FigureFormat(ending))
    name = re.sub(r"[^\w.=,+-]+", "_", _name(wanted, store))
    place = out.expanduser() if out else store.reports / f"{name}-{wanted.kind}.{ending}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    write_atomic(place, raw)
    return place


def _name(wanted: Request, store: Store) -> str:
    """What the file is called after: a study with overrides has a tag, so that it does not take the study's place."""
    if not wanted.words:
        return wanted.target
    if wanted.kind in SEARCH_FIGURES:
        return ask_search(wanted.target, wanted.words, store, wanted.storage).name
    return ask_study(wanted.target, wanted.words, store).plan.folder


def _figure_1(wanted: Request, store: Store, format: FigureFormat) -> bytes:
    plan = ask_study(wanted.target, wanted.words, store).plan
    columns = {wanted.against: "--against"} | ({wanted.measure: "--measure"} if wanted.measure else {})
    table = study_table(plan, store, columns=columns)
    measure = _measure(wanted.measure, table.measures) if wanted.measure else None
    points = tradeoff(plan, table, wanted.against, measure=measure, published=wanted.published)
    for text in points.missing:
        say(f"not drawn: {text}")
    return draw_bytes(partial(draw_tradeoff, points), format, say)


def _measure(key: str, measures: Measures) -> Measure:
    """A measure of the study's tasks, or 100 less one."""
    every = {measure.key: measure for measure in (*measures.all, *(other.measure for other in measures.complements))}
    if key not in every:
        raise ReportError(f"{key!r} is no measure of this study", where="--measure", now=nearest(key, every))
    return every[key]


def _mixture(wanted: Request, store: Store, format: FigureFormat) -> bytes:
    run = find_run(store, wanted.target)
    return draw_bytes(partial(draw_mixture, learned(run, _title(store, run))), format, say)


def _curves(wanted: Request, store: Store, format: FigureFormat) -> bytes:
    curves = _study_or_run(wanted, store)
    for label in curves.missing:
        say(f"not drawn: {label}: no epoch yet")
    return draw_bytes(partial(draw_curves, curves), format, say)


def _study_or_run(wanted: Request, store: Store) -> Curves:
    """Curves of a study of that name, else of a run."""
    if wanted.words or "+" in wanted.target or wanted.target in search_path.names("sweeps"):
        plan = ask_study(wanted.target, wanted.words, store).plan
        return study_curves(plan, read_runs(store, [cell.id for cell in plan.cells]))
    try:
        run = find_run(store, wanted.target)
    except StoreError as error:
        studies = ", ".join(search_path.names("sweeps"))
        raise StoreError(
            f"neither a study nor a run: {wanted.target!r}", where=error.where, now=f"studies: {studies}; {error.now}"
        ) from error
    title = _title(store, run)
    record = read_run(run)
    primary = measures_of_all([record.config] if record.config else []).primary
    return curves_of({title: [record]}, primary, title="", where=run.id)


def _title(store: Store, run: RunFolder) -> str:
    """A run's names within its studies, and its id."""
    return "; ".join([*labels_of(store).get(run.id, []), run.id])


SEARCH_FIGURES = {
    "history": draw_history,
    "importances": draw_importances,
    "slices": draw_slices,
    "parallel": draw_parallel,
    "front": draw_front,
}


def _of_search(wanted: Request, store: Store, format: FigureFormat) -> bytes:
    searched = searched_of(ask_search(wanted.target, wanted.words, store, wanted.storage))
    if not searched.points:
        raise StoreError("no trial has finished", where=wanted.target, now="an-cli status says how far they are")
    if wanted.kind == "front" and len(searched.objectives) < 2:
        raise StoreError("one objective has no front", where=wanted.target, now="draw its history")
    if wanted.kind == "importances" and not searched.importances:
        raise StoreError("too few finished trials tell importances", where=wanted.target, now="let it go on")
    return draw_bytes(partial(SEARCH_FIGURES[wanted.kind], searched), format, say)
