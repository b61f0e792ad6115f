"""What the page shows of a search: how far it is, and its figures, drawn as everywhere else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from an_cli.config import Composer
from an_cli.plan import Study
from an_cli.plan.candidates import Candidates
from an_cli.plan.trials import Trials, TrialState, read_journal
from an_cli.report.figures.draw_search import (
    draw_front,
    draw_history,
    draw_importances,
    draw_parallel,
    draw_slices,
)
from an_cli.report.figures.searched import Searched, searched
from an_cli.report.figures.style import FigureFormat, draw_bytes
from an_cli.report.search.summary import objective_measures
from an_cli.store import Store, measures_of


def search_value(store: Store, study: Study, name: str, composer: Composer) -> dict[str, Any]:
    """Title, progress and figures of a search.

    Args:
        store: whose journal tells its trials.
        study: a search.
        name: of its links, which is its name in the journal.
        composer: shared by all studies of the page.

    Raises:
        StudyError: its space does not compose any more.
        StoreError: its journal cannot be read.
    """
    from an_cli.plan.importances import importances  # Optuna, for pages that have a search

    candidates = Candidates(study, composer)
    trials = read_journal(store.searches / name / "journal.log", name, candidates.space)
    _, corner = next(iter(candidates.space.corners()))
    config = candidates.compose(corner, study.seeds[0], "the page").cell
    found = importances(candidates.space, trials.finished, 0)
    objectives = objective_measures(candidates, measures_of(config))
    drawn = searched(study.title, candidates.space, objectives, trials, found.shares, found.evaluator)
    return {"title": study.title, "note": _progress(trials, candidates), "figures": _figures(drawn)}


def _progress(trials: Trials, candidates: Candidates) -> str:
    counts = ", ".join(f"{trials.count(state)} {state}" for state in TrialState if trials.count(state))
    budget = candidates.search.budget.trials
    table = f"an-cli report {candidates.study.name} has its table."
    return f"{len(trials.all)} of {budget} trials: {counts or 'none'}. {table}"


def _figures(found: Searched) -> list[dict[str, str]]:
    """The figures that the trials allow, as pictures that stand in the page itself."""
    draws: dict[str, Callable[[Searched], Figure]] = {}
    if found.points:
        draws["history"] = draw_history
    if found.importances:
        draws["importances"] = draw_importances
    if found.points:
        draws |= {"slices": draw_slices, "parallel coordinates": draw_parallel}
    if len(found.objectives) > 1 and found.points:
        draws["front"] = draw_front
    return [{"title": title, "source": _source(partial(draw, found))} for title, draw in draws.items()]


def _source(draw: Callable[[], Figure]) -> str:
    raw = draw_bytes(draw, FigureFormat.SVG)
    return f"data:image/svg+xml;base64,{base64.b64encode(raw).decode()}"
