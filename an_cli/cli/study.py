"""What a command line asks for: a study with its plan, how to launch it, and the store."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from an_cli.config import Composer, LaunchConfig, leaves, plain, search_path
from an_cli.errors import AnError, StudyError, bytes_shown
from an_cli.files import read_json
from an_cli.launch.standing import RunStanding, look
from an_cli.plan import Cell, Plan, Study, load_named, make_plan, override_base, plan_grid, write_grid
from an_cli.store import Result, RunFolder, Status, Store, is_current, is_finished, read_result
from an_cli.store.labels import links


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A study as asked for on the command line."""

    study: Study
    plan: Plan
    launch: LaunchConfig


def ask_study(asked: str | Study, words: Sequence[str], store: Store) -> Asked:
    """Read a study by name and expand it; `launch.` words set how it is run, the others its base.

    Args:
        asked: a study, its name, or that of a variant which the store knows.
        words: of the command line.
        store: where the study's runs are.

    Raises:
        StudyError, ConfigError: see `load_study` and `make_plan`.
    """
    launch, science = split(words)
    study = load_named(asked, store, science) if isinstance(asked, str) else override_base(asked, science)
    if study.search is not None:
        raise StudyError(
            f"{study.name} is a search: it has no rows",
            where=str(study.source),
            now=f"an-cli sweep {study.name} runs it; status, report and figure read it",
        )
    composer = Composer()
    if study.shadows is not None:
        say(f"note: {study.source} hides the study of the same name that an-cli ships")
    plan = make_plan(study, composer)
    # A base alone need not fit together; the first row does, and Hydra has composed its groups already.
    row = next((row for row in study.rows if not row.is_quoted), None)
    base = [*study.base, *row.set] if row else []
    return Asked(study=study, plan=plan, launch=composer.compose([*base, *launch]).launch)


def study_and_overrides(words: list[str], name: str | None, *, write: bool) -> tuple[str | Study, list[str]]:
    """The study and the overrides to ask for.

    Args:
        words: a study's name and overrides; with a name, the words of a new grid.
        name: of the new grid, which is written first, and then is a study like others.
        write: False leaves its file out.

    Raises:
        StudyError, ConfigError: see `write_grid`.
    """
    if name is None:
        if not words or "=" in words[0]:
            studies = ", ".join(search_path.names("sweeps"))
            raise typer.BadParameter(f"name one first ({studies}), or give --as NAME", param_hint="STUDY")
        return words[0], words[1:]
    launch, science = split(words)
    study = write_grid(name, science) if write else plan_grid(name, science)[0]
    say(f"study: {study.source}{'' if write else ' (not written: a dry run)'}")
    return study, launch


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Launch words, and the words that are part of an experiment."""
    launch = [word for word in words if word.startswith(("launch.", "launch="))]
    return launch, [word for word in words if word not in launch]


def open_store(path: Path) -> Store:
    """The store at a path, which need not exist yet.

    Raises:
        StoreError: a newer an-cli has written it.
    """
    store = Store(path.expanduser().resolve())
    store.check_version()
    if not is_store(store):
        above = next((Store(folder) for folder in store.root.parents if is_store(Store(folder))), None)
        if above is not None and above.root != Path("/"):
            say(f"note: {store.root} holds no store, {above.root} does: go there, or give --store {above.root}")
    return store


def is_store(store: Store) -> bool:
    """Whether a folder holds what an-cli has made."""
    return store.version.is_file() or (store.runs.is_dir() and store.studies.is_dir())


def tell_large_batches(cells: Sequence[Cell]) -> None:
    """Say where a step takes more samples than there are: legal, for a try, and seldom meant."""
    pairs = [
        (cell.config.recipe.batch_per_replica * cell.config.recipe.replicas, cell.config.data.train_samples)
        for cell in cells
    ]
    large = [(step, samples) for step, samples in pairs if samples is not None and step > samples]
    if large:
        step, samples = large[0]
        who = "1 cell" if len(large) == 1 else f"{len(large)} cells"
        say(f"note: a step of {who} takes {step} samples, of {samples} that there are: an epoch is one step")


def standings(plan: Plan, store: Store) -> dict[str, RunStanding]:
    """Cell id -> where its run stands, by the disk and by the scheduler."""
    return {run.id: standing for run, standing in look(store, map(store.run, [cell.id for cell in plan.cells])).items()}


def code_of(run: RunFolder, status: Status) -> str | None:
    """Whether a finished run was made by the installed code ("current") or by other code ("other")."""
    if status is not Status.FINISHED:
        return None
    try:
        return code_word(read_result(run))
    except AnError:
        return None


def code_word(result: Result) -> str:
    """ "current" for the code that is installed, "other" for any other."""
    return "current" if is_current(result.code_trees, result.plugins) else "other"


def say(text: str) -> None:
    """Tell the user something that is not a result."""
    with suppress(OSError):  # a terminal that is gone is no reason to stop
        print(bytes_shown(text), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a result as JSON; a byte of a name that is no UTF-8 is `\\udcff` there, which readers take back."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    print(text.encode(errors="backslashreplace").decode())


_ABSENT = object()


@dataclass(frozen=True)
class Earlier:
    """How many finished runs bear the names of cells that are missing now, and the keys in which they differ."""

    runs: int
    keys: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For example "12 finished runs of an earlier form differ in norm.attention.components"."""
        runs = "1 finished run" if self.runs == 1 else f"{self.runs} finished runs"
        more = f" and {len(self.keys) - 4} more keys" if len(self.keys) > 4 else ""
        verb = "differs" if self.runs == 1 else "differ"
        return f"{runs} of an earlier form of {{study}} {verb} in {', '.join(self.keys[:4])}{more}"


def earlier_runs(plan: Plan, store: Store) -> Earlier | None:
    """What the links of a study know of cells that are missing; None where that is nothing.

    Args:
        plan: as `conf/` and the study's file are now.
        store: whose links still point to the runs that were made before.
    """
    missing = [cell for cell in plan.cells if not store.run(cell.id).path.exists()]
    linked = links(store) if missing else {}
    planned = {cell.id for cell in plan.cells}
    count, keys = 0, Counter[str]()
    for cell in missing:
        before = linked.get(f"{plan.folder}/{cell.label}")
        if before is None or before in planned or not is_finished(store.run(before)):
            continue
        try:
            old = leaves(read_json(store.run(before).cell)["config"])
        except (AnError, TypeError, KeyError, AttributeError):
            continue
        new = leaves(plain(cell.config))
        count += 1
        keys.update(key for key in old.keys() | new.keys() if old.get(key, _ABSENT) != new.get(key, _ABSENT))
    return Earlier(count, tuple(sorted(keys))) if count else None


def tell_earlier(plan: Plan, store: Store) -> bool:
    """Say that runs of an earlier form are there; True where that was said."""
    earlier = earlier_runs(plan, store)
    if earlier is not None:
        say(f"note: {earlier.sentence.format(study=plan.folder)}; undo the edit to have them, or run the new cells")
    return earlier is not None
