"""The studies that can be named in a folder, and how far each is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from an_cli.cli.find_run import links
from an_cli.config import Composer, search_path
from an_cli.errors import AnError
from an_cli.files import read_json, subfolders
from an_cli.plan import Plan, Study, load_named, load_study, make_plan
from an_cli.plan.trials import read_journal
from an_cli.store import Status, Store, status_of
from an_cli.store.variants import read_variant


def study_values(store: Store) -> list[dict[str, Any]]:
    """A mapping per study: files of the user first, then those that ship, then what only the store knows.

    One that does not read has its `error` and no numbers, and hides no other.
    """
    composer, named, data = Composer(), search_path.names("sweeps"), _data_of(store)
    values = [_of_file(name, store, composer, data) for name in named]
    values += [_of_links(name, store) for name in subfolders(store.studies) if name not in named]
    order = {"yours": 0, "variant": 1, "no file": 2, "ships": 3}
    return sorted(values, key=lambda value: (order[value["origin"]], value["name"]))


def _statuses(plan: Plan, store: Store) -> dict[str, Status]:
    """Cell id -> state of its run on disk: how many are done takes no scheduler."""
    return {cell.id: status_of(store.run(cell.id)) for cell in plan.cells}


def _data_of(store: Store) -> set[str]:
    """Names of the data sets that the store's runs were chosen by."""
    names = set()
    for run_id in store.run_ids():
        with suppress(AnError):
            cell = read_json(store.run(run_id).cell)
            choices = cell.get("choices") if isinstance(cell, dict) else None
            names.add(str(choices.get("data")) if isinstance(choices, dict) else "")
    return names


def _may_have_runs(study: Study, data: set[str]) -> bool:
    """Composing every study costs seconds: one on data that no run here has seen has none finished."""
    words = [word for words in (study.base, *(row.set for row in study.rows)) for word in words]
    named = {word.removeprefix("data=") for word in words if word.startswith("data=")}
    return bool(data) and (not named or bool(named & data))


def _of_file(name: str, store: Store, composer: Composer, data: set[str]) -> dict[str, Any]:
    ships = search_path.shipped("sweeps") / f"{name}.yaml"
    value = _value(name, origin="yours")
    try:
        study = load_study(name)
        value |= {"origin": "ships" if study.source == ships else "yours", "source": str(study.source)}
        value |= {"kind": str(study.kind), "title": study.title, "extends": next(iter(study.lineage), None)}
        if study.search is not None:
            trials = _trials(study, store)
            return value | {"seeds": len(study.seeds), "planned": study.search.budget.trials, "done": trials}
        trained = sum(not row.is_quoted for row in study.rows)
        value |= {"rows": trained, "quoted": len(study.rows) - trained, "seeds": len(study.seeds)}
        plan = make_plan(study, composer) if _may_have_runs(study, data) else None
    except AnError as error:
        return value | {"error": str(error)}
    if plan is None:
        return value | {"planned": trained * len(study.seeds)}
    statuses = _statuses(plan, store)
    return value | {"planned": len(statuses), "done": sum(status.is_done for status in statuses.values())}


def _trials(study: Study, store: Store) -> int:
    """Trials of a search that are over, by the store's journal."""
    if study.search is None:
        return 0
    journal = read_journal(store.searches / study.name / "journal.log", study.name, study.search.parameters)
    return sum(trial.state.is_over for trial in journal.all)


def _of_links(name: str, store: Store) -> dict[str, Any]:
    """A study launched with overrides, or one whose file is not here: what its links say."""
    runs = {run_id for link, run_id in links(store).items() if link.startswith(f"{name}/")}
    done = sum(status_of(store.run(run_id)).is_done for run_id in runs)
    base, plus, _ = name.partition("+")
    if (variant := read_variant(store, name)) is not None:
        value = _value(name, origin="variant") | {"kind": "variant", "extends": variant.study, "source": None}
        try:
            study = load_named(name, store)
            statuses = _statuses(make_plan(study), store)
        except AnError as error:
            return value | {"error": str(error)}
        trained = sum(not row.is_quoted for row in study.rows)
        value |= {"title": f"{study.title}, {' '.join(variant.overrides)}", "rows": trained, "seeds": len(study.seeds)}
        return value | {"planned": len(statuses), "done": sum(status.is_done for status in statuses.values())}
    title = f"{base} with overrides" if plus else "its study file is not here"
    kind = "variant" if plus else "no file"
    return _value(name, origin=kind) | {"kind": kind, "title": title, "planned": len(runs), "done": done}


def _value(name: str, *, origin: str) -> dict[str, Any]:
    empty = dict.fromkeys(("kind", "source", "extends", "rows", "quoted", "seeds", "error"))
    return {"name": name, "origin": origin, **empty, "title": "", "planned": 0, "done": 0}
