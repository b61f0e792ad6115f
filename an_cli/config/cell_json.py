"""A cell as JSON: the id that its config has, and the reading of many that share their parts.

Identity is by type, never by an exclude list: everything in `CellConfig` counts, nothing else does. A default changed
in YAML therefore changes the id, and old results are not taken for new ones.

Thousands of runs have a few models, recipes and data sets. A part is remembered by its JSON, so that what a `cell.json`
repeats is neither decoded nor checked again; what cannot be read this way is left to the strict reader, which says why.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, TypedDict

from an_cli.config.reader import plain, reader_of
from an_cli.config.schema import CellConfig
from an_cli.errors import AnError, ConfigError
from an_cli.files import JsonDecoder, RawJson, canonical_json

ID_LENGTH = 16  # hex digits: 64 bits


def cell_id(config: CellConfig) -> str:
    """The id of a cell: 16 hex digits of the SHA-256 of its canonical JSON."""
    return hashlib.sha256(canonical_json(plain(config)).encode()).hexdigest()[:ID_LENGTH]


class _Cell(TypedDict):
    """A `cell.json` whose parts are not decoded yet."""

    config: dict[str, RawJson]
    choices: dict[str, str]


_CELLS = JsonDecoder(_Cell)
_VALUES: JsonDecoder[Any] = JsonDecoder()


def read_cell_quickly(raw: bytes) -> tuple[CellConfig, Mapping[str, str]] | None:
    """The config and the choices in the bytes of a `cell.json`; None where they do not read as such."""
    try:
        cell = _CELLS.decode(raw)
        parts = {name: _part(name, bytes(part)) for name, part in cell["config"].items()}
        return CellConfig(**parts), cell["choices"]
    except (AnError, ValueError, TypeError, KeyError, RecursionError):
        return None


@lru_cache(maxsize=4096)
def _part(name: str, raw: bytes) -> Any:
    return reader_of(_kinds()[name])(_VALUES.decode(raw), name, ConfigError)


@cache
def _kinds() -> dict[str, Any]:
    hints = typing.get_type_hints(CellConfig)
    return {field.name: hints[field.name] for field in dataclasses.fields(CellConfig)}
