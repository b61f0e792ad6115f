"""Which runs of a W&B project are meant: `--filter KEY=VALUE`, or MongoDB's form as W&B's own API takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from an_cli.errors import TrackerError, nearest

_SIGNS = {"=": "$eq", "!=": "$ne", ">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte", "~": "$regex"}
_FORM = re.compile(r"(?P<key>[\w.-]+(?:/[\w.-]+)*)\s*(?P<sign>!=|>=|<=|=|>|<|~)\s*(?P<value>.*)", re.DOTALL)
_KEYS = ("state", "name", "displayName", "group", "jobType", "tags", "createdAt", "config.KEY", "summary_metrics.KEY")
FINISHED = {"state": {"$eq": "finished"}}


def parse_filters(texts: Sequence[str]) -> Mapping[str, Any]:
    """All filters together, which a run must pass; runs that are not finished only where `state` is named.

    Args:
        texts: `config.seed=0`, `group~table`, `summary_metrics.acc>=70`, or a JSON object of MongoDB's form.

    Raises:
        TrackerError: another form, or a key that no run has.
    """
    filters = [_json(text) if text.lstrip().startswith("{") else _simple(text) for text in texts]
    if not any('"state"' in json.dumps(each) for each in filters):
        filters.append(FINISHED)
    return filters[0] if len(filters) == 1 else {"$and": filters}


def _json(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise TrackerError(f"{text!r} is no JSON: {error}", where="--filter", now="write KEY=VALUE") from error
    return dict(value)


def _simple(text: str) -> Mapping[str, Any]:
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise TrackerError(
            f"{text!r} is no filter", where="--filter", now="write KEY=VALUE, with = != > >= < <= or ~ (a pattern)"
        )
    key = match["key"]
    if key.split(".")[0] not in {legal.split(".")[0] for legal in _KEYS} or key in ("config", "summary_metrics"):
        raise TrackerError(f"no run has a {key!r}", where="--filter", now=nearest(key, _KEYS))
    return {key: {_SIGNS[match["sign"]]: _value(match["value"], match["sign"])}}


def _value(text: str, sign: str) -> Any:
    if sign == "~":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
