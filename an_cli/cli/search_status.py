"""How far a search is: its trials by state, the best so far, what is left of its budget, and for how long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from json import dumps
from statistics import median
from typing import Any

from an_cli.cli.searching import AskedSearch, ask_search
from an_cli.cli.study import print_json
from an_cli.config.task import Better
from an_cli.console.columns import align, prose
from an_cli.console.medium import Medium, medium
from an_cli.console.words import duration
from an_cli.plan.search import COUNTED
from an_cli.plan.space import Space, in_words
from an_cli.plan.trials import Trial, Trials, TrialState
from an_cli.plan.winners import winners
from an_cli.store import Store

WATCH_S = 1.0
ROWS = 20  # of trials that go or have paused


def search_value(asked: AskedSearch) -> dict[str, Any]:
    """A search's state as a plain value."""
    trials, search = asked.trials(), asked.candidates.search
    best = best_trials(asked, trials)
    return {
        "search": asked.name,
        "title": asked.candidates.study.title,
        "sentence": _sentence(asked, trials),
        "objectives": list(search.objectives),
        "trials": len(trials.all),
        "budget": search.budget.trials,
        "states": {str(state): trials.count(state) for state in TrialState if trials.count(state)},
        "best": [_trial(trial, asked.candidates.space) for trial in best],
        "eta_s": eta_s(trials, search.budget.trials),
        "going": [_trial(trial, asked.candidates.space) for trial in trials.all if not trial.state.is_over][:ROWS],
        "skipped_lines": trials.skipped,
        "journal": str(asked.url or asked.folder),
    }


def _trial(trial: Trial, space: Space) -> dict[str, Any]:
    owner = trial.owner
    return {
        "number": trial.number,
        "state": str(trial.state),
        "values": list(trial.values),
        "reports": {str(step): value for step, value in trial.reports.items()},
        "choice": list(space.texts(trial.params)),
        "params": {
            key: space.value(key, trial.params) for key in space.parameters if space.names(key)[0] in trial.params
        },
        "cells": list(trial.cells),
        "host": owner.get("host"),
        "job": owner.get("job") or None,
    }


def best_trials(asked: AskedSearch, trials: Trials) -> tuple[Trial, ...]:
    """The best trial so far, or the front."""
    lower = [key in COUNTED or asked.measures[key].better is Better.LOWER for key in asked.candidates.search.objectives]
    return winners(trials.all, lower)


def eta_s(trials: Trials, budget: int) -> float | None:
    """Seconds until the last trial ends, by how long trials took and how many go at a time; None before one has."""
    took = [
        (trial.ended - trial.started).total_seconds()
        for trial in trials.all
        if trial.state.is_over and trial.started and trial.ended
    ]
    going = trials.count(TrialState.RUNNING)
    left = max(0, budget - len(trials.all)) + going
    return median(took) * left / max(1, going) if took and left else None


def progress_line(asked: AskedSearch) -> str:
    """For example "7 of 16 trials: 4 finished, 1 paused, 2 running; best 13.20 (trial 3)"."""
    return _sentence(asked, asked.trials())


def _sentence(asked: AskedSearch, trials: Trials) -> str:
    counts = ", ".join(f"{trials.count(state)} {state}" for state in TrialState if trials.count(state))
    line = f"{len(trials.all)} of {asked.candidates.search.budget.trials} trials"
    line += f": {counts}" if counts else ""
    best = best_trials(asked, trials)
    if len(best) == 1 and len(best[0].values) == 1:
        line += f"; best {_value(asked, 0, best[0].values[0])} (trial {best[0].number})"
    elif best:
        line += f"; {len(best)} on the front"
    return line


def _value(asked: AskedSearch, objective: int, value: float) -> str:
    key = asked.candidates.search.objectives[objective]
    return f"{value:,.0f}" if key in COUNTED else f"{value:.{asked.measures[key].decimals}f}"


def status_text(asked: AskedSearch, value: dict[str, Any], on: Medium) -> str:
    """A search's state as text: a sentence, its best, and the trials that go or have paused."""
    eta = f"; about {duration(value['eta_s'])} left" if value["eta_s"] else ""
    text = prose(f"{asked.name}: {value['sentence']}{eta}", on)
    rows = [*value["best"], *value["going"]]
    if rows:
        heads = ["trial", "state", "choice", *value["objectives"], "at", "where"]
        body = [_line(asked, row) for row in rows]
        text += align(heads, body, left=(1, 2, 5 + len(value["objectives"]) - 1), on=on, weights={"where": 2, "at": 1})
    if value["skipped_lines"]:
        text += prose(f"{value['skipped_lines']} lines of the journal are torn or foreign, and left out", on)
    return text


def _line(asked: AskedSearch, row: dict[str, Any]) -> list[str]:
    values = row["values"] or [None] * len(asked.candidates.search.objectives)
    shown = ["" if value is None else _value(asked, index, value) for index, value in enumerate(values)]
    reports = row["reports"]
    at = f"{max(map(int, reports))}" if reports else ""
    where = row["job"] or row["host"] or ""
    return [str(row["number"]), row["state"], ", ".join(row["choice"]), *shown, at, where]


def print_search(asked: AskedSearch, *, json: bool) -> None:
    """Print what would be searched, and how far it is."""
    search = asked.candidates.search
    value = search_value(asked) | {
        "space": {key: in_words(parameter) for key, parameter in search.space.items()},
        "sampler": str(search.sampler.name),
        "pruner": str(search.pruner.name),
        "start": len(asked.candidates.start_points()),
    }
    if json:
        print_json(value)
        return
    on = medium()
    print(prose(value["title"], on), end="")
    print(align(["parameter", "values"], [[*item] for item in value["space"].items()], left=(0, 1), on=on), end="")
    seeds = ", ".join(map(str, asked.candidates.study.seeds))
    how = f"sampler {value['sampler']}, pruner {value['pruner']}; {value['start']} points to start from"
    print(prose(f"for {', '.join(value['objectives'])}; seeds {seeds}; {how}", on), end="")
    print(status_text(asked, value, on), end="")


def follow_search(name: str, words: Sequence[str], store: Store, url: str | None, *, watch: bool, json: bool) -> None:
    """Print how far a search is; with `watch` again whenever that changes, until nothing goes."""
    asked = ask_search(name, words, store, url)
    while True:
        value = search_value(asked)
        if not watch:
            print_json(value) if json else print(status_text(asked, value, medium()), end="")
            return
        print(dumps(value) if json else status_text(asked, value, medium()), end="\n" if json else "", flush=True)
        if not value["states"].get("running"):
            return
        while search_value(asked) == value:
            time.sleep(WATCH_S)
