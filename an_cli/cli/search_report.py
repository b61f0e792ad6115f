"""What is printed and written of a search."""

from __future__ import annotations

from an_cli.cli.searching import AskedSearch
from an_cli.cli.study import say
from an_cli.config.task import Better
from an_cli.console.medium import medium
from an_cli.errors import StoreError
from an_cli.report.figures.searched import Searched, searched
from an_cli.report.search.formats import render_search, write_search
from an_cli.report.search.summary import (
    SearchSummary,
    objective_measures,
    reported_cells,
    shown,
    summarize_search,
)
from an_cli.store import read_run


def summary_of(asked: AskedSearch) -> SearchSummary:
    """A search's summary, from its trials and the runs of those that are shown.

    Raises:
        StoreError: its journal cannot be read.
    """
    from an_cli.plan.importances import importances  # Optuna, which only this needs

    candidates, trials = asked.candidates, asked.trials()
    objectives = objective_measures(candidates, asked.measures)
    shares = [importances(candidates.space, trials.finished, index) for index in range(len(objectives))]
    best = shown(trials, [measure.better is Better.LOWER for measure in objectives])
    ids = {cell for trial in best for cell in (*trial.cells, *reported_cells(candidates, trial))}
    return summarize_search(
        asked.name,
        candidates,
        asked.measures,
        trials,
        {run_id: read_run(asked.store.run(run_id)) for run_id in ids},
        {measure.key: share.shares for measure, share in zip(objectives, shares, strict=True)},
        shares[0].evaluator,
    )


def searched_of(asked: AskedSearch) -> Searched:
    """A search to be drawn."""
    from an_cli.plan.importances import importances

    trials, space = asked.trials(), asked.candidates.space
    shares = importances(space, trials.finished, 0)
    objectives = objective_measures(asked.candidates, asked.measures)
    return searched(asked.candidates.study.title, space, objectives, trials, shares.shares, shares.evaluator)


def print_report(asked: AskedSearch, *, json: bool = False, format: str = "terminal") -> int:
    """Print and write a search's report as it stands; exit status 1 where no trial has finished."""
    summary, on = summary_of(asked), medium()
    try:
        say(f"files: {' '.join(map(str, write_search(summary, asked.store)))}")
    except StoreError as error:
        say(f"the report's files were not written: {error}")
    text = render_search(summary, "json" if json else format, width=on.width, paint=on.paint)
    print(text, end="", flush=True)
    if not summary.rows:
        say("no trial has finished; an-cli status says how far they are")
        return 1
    return 0
