"""What SLURM says of runs, added to what the disk says. Reading only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from an_cli.console.words import remaining_s
from an_cli.launch.standing import RunStanding, look_up
from an_cli.store import RunFolder, Status, Store, read_doing, read_progress


def with_jobs(store: Store, values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The state of runs as `status_values` gives it, with `job`, `node` and `reason` of those that SLURM has.

    Args:
        store: where they are.
        values: a mapping per run, with `id` and `status`.
    """
    runs = {value["id"]: store.run(value["id"]) for value in values}
    standings = look_up(store, {runs[value["id"]]: Status(value["status"]) for value in values})
    return [_joined(value, runs[value["id"]], standings[runs[value["id"]]]) for value in values]


def _joined(value: dict[str, Any], run: RunFolder, standing: RunStanding) -> dict[str, Any]:
    seen = {"job": standing.job or None, "node": standing.node or None, "reason": standing.reason or None}
    joined = {**value, **seen}
    if not any(seen.values()) and str(standing.status) == value["status"]:
        return joined
    joined |= {"status": str(standing.status), "error": standing.error or None}
    if standing.status is Status.RUNNING:
        doing = read_doing(run)
        joined["eta_s"] = remaining_s(read_progress(run), doing)
        joined["phase"] = str(doing.activity) if doing else None
    return joined
