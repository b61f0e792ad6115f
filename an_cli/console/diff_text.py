"""Two runs beside each other, as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from an_cli.console.columns import align, prose
from an_cli.console.medium import FILE, STATE_STYLES, Medium
from an_cli.console.words import DASH
from an_cli.report.formats.layout import TextCell
from an_cli.report.formats.wording import clean

Value = Mapping[str, Any]
_TITLES = {"params": "#Params", "macs": "MACs", "train_s": "training (s)"}


def diff_text(value: Value, on: Medium = FILE) -> str:
    """Who they are, their numbers, and what differs."""
    names = [_name(run) for run in value["runs"]]
    body: list[list[str | TextCell]] = [
        ["run", *(run["id"] for run in value["runs"]), ""],
        ["status", *(TextCell(run["status"], STATE_STYLES.get(run["status"], "")) for run in value["runs"]), ""],
    ]
    titles = {measure["key"]: _with_unit(measure) for measure in value["measures"]}
    body += [
        [_title(line["key"], titles), *map(_number, line["values"]), _signed(line["difference"])]
        for line in value["result"]
    ]
    numbers = align(["", *names, "second - first"], body, left=(0,), on=on)
    errors = [prose(f"{_name(run)}: {clean(run['error'])}", on, style="red") for run in value["runs"] if run["error"]]
    parts = [*_part("config", value["config"], names, on), *_part("environment", value["environment"], names, on)]
    same = " and ".join(part for part in ("config", "environment") if not value[part])
    equal = [prose(f"equal: {same}", on)] if same else []
    return "".join([numbers, *errors, *parts, *equal])


def _name(run: Value) -> str:
    return clean(run["labels"][0]) if run["labels"] else run["id"][:8]


def _with_unit(measure: Value) -> str:
    return f"{measure['title']} ({measure['unit']})" if measure["unit"] else str(measure["title"])


def _title(key: str, titles: Mapping[str, str]) -> str:
    which, _, field = key.partition("_")
    if which not in ("last", "best"):
        return _TITLES.get(key, key)
    return f"{which}: {'evaluation loss' if field == 'loss' else titles.get(field, field)}"


def _number(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}".rstrip("0").rstrip(".")


def _signed(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+,}" if isinstance(value, int) else f"{value + 0.0:+.4f}"


def _part(title: str, lines: Sequence[Value], names: Sequence[str], on: Medium) -> list[str]:
    """A table of settings; a dash where a side does not have the key."""
    if not lines:
        return []
    body: list[list[str | TextCell]] = [
        [
            line["key"],
            *(
                _as_typed(value) if there else DASH
                for value, there in zip(line["values"], line["present"], strict=True)
            ),
        ]
        for line in lines
    ]
    return ["\n", align([title, *names], body, left=(0, 1, 2), on=on)]


def _as_typed(value: object) -> str:
    return clean(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
