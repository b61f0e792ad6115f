"""The filters and orders of the service's run query, which are MongoDB's, as far as its clients use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Filtered(Protocol):
    """What a filter may look at."""

    id: str
    name: str
    group: str | None
    job_type: str | None
    tags: list[str]
    state: str
    number: int
    summary: dict[str, Any]

    @property
    def config(self) -> dict[str, Any]: ...


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda have, want: have == want,
    "$ne": lambda have, want: have != want,
    "$gt": lambda have, want: have is not None and have > want,
    "$gte": lambda have, want: have is not None and have >= want,
    "$lt": lambda have, want: have is not None and have < want,
    "$lte": lambda have, want: have is not None and have <= want,
    "$in": lambda have, want: any(each in want for each in have) if isinstance(have, list) else have in want,
    "$nin": lambda have, want: have not in want,
    "$exists": lambda have, want: (have is not None) == want,
    "$regex": lambda have, want: re.search(want, str(have)) is not None,
}


def matches(wanted: Mapping[str, Any], run: Filtered) -> bool:
    """Whether a run passes a filter."""
    return all(_passes(key, value, run) for key, value in wanted.items())


def _passes(key: str, value: Any, run: Filtered) -> bool:
    match key:
        case "$and":
            return all(matches(each, run) for each in value)
        case "$or":
            return any(matches(each, run) for each in value)
        case "$not" | "$nor":
            return not any(matches(each, run) for each in (value if isinstance(value, list) else [value]))
    have = _looked_up(key, run)
    if isinstance(value, Mapping):
        return all(_COMPARE[sign](have, want) for sign, want in value.items())
    return value in have if isinstance(have, list) else bool(have == value)


def _looked_up(key: str, run: Filtered) -> Any:
    names = {
        "name": "id",
        "displayName": "name",
        "display_name": "name",
        "group": "group",
        "jobType": "job_type",
        "job_type": "job_type",
        "tags": "tags",
        "state": "state",
        "created_at": "number",
        "createdAt": "number",
        "heartbeat_at": "number",
    }
    if key in names:
        return getattr(run, names[key])
    first, *path = key.split(".")
    roots: dict[str, Any] = {"config": run.config, "summary_metrics": run.summary, "summaryMetrics": run.summary}
    value = roots.get(first)
    if first == "config" and path[1:2] == ["value"]:
        path.pop(1)
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def sorted_by(order: str, runs: Sequence[Any]) -> list[Any]:
    """Runs in an order of the query: a key with + or - before it."""
    key = order.lstrip("+-")
    absent_last = [(_looked_up(key, run), run) for run in runs]
    present = sorted((pair for pair in absent_last if pair[0] is not None), key=lambda pair: pair[0])
    ordered = [run for _, run in present]
    return (ordered[::-1] if order.startswith("-") else ordered) + [run for value, run in absent_last if value is None]
