"""`report --verify`: is a table that was written still what the records say?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from an_cli.errors import ReportError
from an_cli.report.formats.json_csv import as_json
from an_cli.report.table import Table

_SHOWN = 60


def differences(written: str, derived: Table, where: str) -> list[str]:
    """Every place at which a written table (its JSON) is not what the records give now.

    Args:
        written: text of the JSON file.
        derived: the table as it comes from the records.
        where: the file, for messages.

    Raises:
        ReportError: the text is not a table's JSON.
    """
    try:
        value = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"the written table is not JSON: {error}", where=where, now="write it again") from error
    return [*_between(value, json.loads(as_json(derived)), "")]


def _between(written: Any, derived: Any, place: str) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(derived, dict):
        for key in [*derived, *(key for key in written if key not in derived)]:
            yield from _between(written.get(key), derived.get(key), f"{place}.{key}" if place else key)
    elif isinstance(written, list) and isinstance(derived, list) and len(written) == len(derived):
        for index, (printed, other) in enumerate(zip(written, derived, strict=True)):
            yield from _between(printed, other, f"{place}[{_name(other, index)}]")
    elif type(written) is not type(derived) or written != derived:
        yield f"{place}: written {_text(written)}, the records say {_text(derived)}"


def _name(value: Any, index: int) -> str:
    return str(value["label"]) if isinstance(value, dict) and "label" in value else str(index)


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
