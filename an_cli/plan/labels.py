"""Readable names of cells: only what differs within the study, safe as a file name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from an_cli.config import CellConfig, leaves, plain
from an_cli.files import canonical_json

_LONGEST = 120
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class LabelReference:
    """What a cell's label is told from.

    Attributes:
        choices: group -> choice, where it is not the baseline's; the label names them.
        reference: what these choices alone make of the baseline; the label names what else differs.
    """

    choices: Mapping[str, str]
    reference: CellConfig


def make_labels(
    configs: Mapping[str, CellConfig], told: Mapping[str, LabelReference], baseline: str = ""
) -> dict[str, str]:
    """A label for every cell.

    Args:
        configs: id -> config of all cells of a study.
        told: id -> what its label is told from; cells with the same choices share one reference.
        baseline: what stands for the cells in which nothing differs: in a grid, their own values of its factors.

    Returns:
        id -> label, for example "norm=bn,lr=0.2,seed=1"; "baseline" where nothing differs.
    """
    flat = {run_id: leaves(plain(config)) for run_id, config in configs.items()}
    shared = {id(one.reference): one.reference for one in told.values()}
    references = {key: leaves(plain(config)) for key, config in shared.items()}
    seeds = {values["seed"] for values in flat.values()}
    more: dict[str, dict[str, object]] = {}
    for run_id, values in flat.items():
        reference = references[id(told[run_id].reference)]  # a key that only it has lies under one that is null here
        more[run_id] = {key: value for key, value in values.items() if reference.get(key, _ABSENT) != value}
        more[run_id].pop("seed", None)
    short = _short_names({key for values in more.values() for key in values})
    labels: dict[str, str] = {}
    for run_id, differing in more.items():
        words = [f"{group}={choice}" for group, choice in told[run_id].choices.items()]
        words += [f"{short[key]}={_text(value)}" for key, value in differing.items()]
        words += [] if words or not baseline else [baseline]
        words += [f"seed={flat[run_id]['seed']}"] if len(seeds) > 1 else []
        labels[run_id] = _file_name(",".join(words) or "baseline")
    return _unique(labels)


def _short_names(keys: set[str]) -> dict[str, str]:
    last = [key.rsplit(".", 1)[-1] for key in keys]
    return {key: key.rsplit(".", 1)[-1] if last.count(key.rsplit(".", 1)[-1]) == 1 else key for key in keys}


def _text(value: object) -> str:
    if isinstance(value, list):
        return "-".join(_text(item) for item in value)
    return value if isinstance(value, str) else canonical_json(value)


def _file_name(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9=.,_+-]+", "-", label)[:_LONGEST]


def _unique(labels: dict[str, str]) -> dict[str, str]:
    taken = Counter(labels.values())
    return {run_id: label if taken[label] == 1 else f"{label}~{run_id[:8]}" for run_id, label in labels.items()}
