"""Running again what is finished: which cells are asked for, and setting aside what they came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from an_cli.errors import AnError, StudyError, nearest
from an_cli.plan import Cell, Plan
from an_cli.store import RunFolder, Store, is_current, newest_claim, read_result, set_aside, status_of

CHANGED = "changed"


def find_reruns(plan: Plan, store: Store, words: Sequence[str]) -> dict[str, int]:
    """The cells that are to be run again.

    Args:
        plan: of the study.
        store: where its runs are.
        words: "changed", for the finished cells that other code than the installed one made, or labels of rows.

    Returns:
        Cell id -> the newest claim when it was looked at, by which `set_aside_all` knows whether somebody was faster.

    Raises:
        StudyError: a word that is no row.
    """
    rows = {row.label: row.cells for row in plan.rows if row.cells}
    for word in words:
        if word != CHANGED and word not in rows:
            raise StudyError(f"no row {word!r} to run again", where=plan.study, now=nearest(word, [CHANGED, *rows]))
    by_row = {cell_id for word in words if word != CHANGED for cell_id in rows[word]}
    seen = {cell.id: _newest(store.run(cell.id)) for cell in plan.cells}
    return {
        cell.id: seen[cell.id]
        for cell in plan.cells
        if _again(store.run(cell.id), in_row=cell.id in by_row, changed=CHANGED in words)
    }


def _newest(run: RunFolder) -> int:
    try:
        return newest_claim(run)
    except OSError:
        return -1  # cannot be listed: no claim will ever have that number


def _again(run: RunFolder, *, in_row: bool, changed: bool) -> bool:
    if in_row:
        status = status_of(run)
        return not (status.is_untouched or status.is_going)
    return changed and made_by_other_code(run)


def made_by_other_code(run: RunFolder) -> bool:
    """Whether a run is finished, and by another code tree than the installed one."""
    if not run.result.exists():
        return False
    try:
        result = read_result(run)
        return not is_current(result.code_trees, result.plugins)
    except AnError:
        return False


def set_aside_all(reruns: Mapping[str, int], cells: Iterable[Cell], store: Store) -> list[Cell]:
    """Archive what cells came to; those that another process holds or has set aside meanwhile are left to it.

    Args:
        reruns: see `find_reruns`.
        cells: of the plan.
        store: where their runs are.

    Returns:
        The cells that were set aside.

    Raises:
        StoreError: the store cannot be written.
    """
    wanted = [cell for cell in cells if cell.id in reruns]
    return [cell for cell in wanted if set_aside(store.run(cell.id), seen=reruns[cell.id]) is not None]
