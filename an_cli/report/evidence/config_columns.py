"""A config as dotted keys, fast: thousands of runs share a few models, recipes and data sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache

from an_cli.config import CellConfig, leaves
from an_cli.config.reader import omitted_when_null
from an_cli.config.task import Measure


def config_leaves(config: CellConfig) -> Iterator[tuple[str, object]]:
    """(dotted key, value) of every setting; enums as their words, lists as tuples."""
    for name in _names(CellConfig):
        part = getattr(config, name)
        if _is_part(part):
            yield from part_leaves(part, name)
        elif part is not None or name not in omitted_when_null(CellConfig):
            yield name, part


@lru_cache(maxsize=4096)
def part_leaves(part: Hashable, prefix: str) -> tuple[tuple[str, object], ...]:
    """Leaves of one part of a config."""
    pairs: list[tuple[str, object]] = []
    shape: type = type(part)
    for name in _names(shape):
        item, key = getattr(part, name), f"{prefix}.{name}"
        if _is_part(item):
            pairs += part_leaves(item, key)
        elif isinstance(item, Mapping):
            pairs += ((name, _hashable(value)) for name, value in leaves(item, key).items())
        else:
            pairs.append((key, _leaf(item)))
    return tuple(pairs)


def _leaf(item: object) -> object:
    if isinstance(item, tuple):
        return tuple(part.key if isinstance(part, Measure) else part for part in item)
    return item.value if isinstance(item, StrEnum) else item


def _hashable(value: object) -> object:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _is_part(value: object) -> bool:
    return hasattr(type(value), "__dataclass_fields__")


@cache
def _names(shape: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(shape))
