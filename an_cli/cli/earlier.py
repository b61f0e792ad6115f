"""Finished runs of an earlier form of a study: an edit of `conf/` gives a cell another id, and no result is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from an_cli.cli.study import say
from an_cli.config import leaves, plain
from an_cli.errors import AnError
from an_cli.files import read_json
from an_cli.plan import Plan
from an_cli.store import Store, is_finished
from an_cli.store.labels import links

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
    known = links(store) if missing else {}
    planned = {cell.id for cell in plan.cells}
    found, keys = 0, Counter[str]()
    for cell in missing:
        before = known.get(f"{plan.folder}/{cell.label}")
        if before is None or before in planned or not is_finished(store.run(before)):
            continue
        try:
            old = leaves(read_json(store.run(before).cell)["config"])
        except (AnError, TypeError, KeyError, AttributeError):
            continue
        new = leaves(plain(cell.config))
        found += 1
        keys.update(key for key in old.keys() | new.keys() if old.get(key, _ABSENT) != new.get(key, _ABSENT))
    return Earlier(found, tuple(sorted(keys))) if found else None


def tell_earlier(plan: Plan, store: Store) -> bool:
    """Say that runs of an earlier form are there; True where that was said."""
    found = earlier_runs(plan, store)
    if found is not None:
        say(f"note: {found.sentence.format(study=plan.folder)}; undo the edit to have them, or run the new cells")
    return found is not None
