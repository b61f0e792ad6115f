"""Readable names of cells: only what differs within the study, safe as a file name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from an_cli.config import CellConfig, Composer, leaves, plain
from an_cli.errors import AnError
from an_cli.files import canonical_json

_LONGEST = 120
_ABSENT = object()

Choice = tuple[CellConfig, Mapping[str, str]]  # a config, and group -> choice that it was composed of


@dataclass(frozen=True, kw_only=True)
class LabelReference:
    """What a cell's label is read against.

    Attributes:
        choices: group -> choice, where it is not the baseline's; the label names them.
        reference: what these choices alone make of the baseline; the label names what else differs.
    """

    choices: Mapping[str, str]
    reference: CellConfig


def label_references(
    cells: Mapping[str, Choice], baseline: Choice, base: Sequence[str], composer: Composer
) -> dict[str, LabelReference]:
    """What each label is read against: the baseline, or what the cell's own choices of groups make of the base.

    Args:
        cells: id -> its config and choices.
        baseline: the same of the study's baseline.
        base: words that all of the study's cells are composed of.
        composer: of the study.
    """
    config, usual = baseline
    by_choices = {frozenset[tuple[str, str]](): LabelReference(choices={}, reference=config)}
    references = {}
    for run_id, (_, choices) in cells.items():
        other = {group: choice for group, choice in choices.items() if usual.get(group) != choice and group != "launch"}
        key = frozenset(other.items())
        if key not in by_choices:
            words = [f"{group}={choice}" for group, choice in choices.items()]
            try:
                by_choices[key] = LabelReference(choices=other, reference=composer.compose([*base, *words]).cell)
            except AnError:  # these choices need the row's other words to fit together
                by_choices[key] = LabelReference(choices={}, reference=config)
        references[run_id] = by_choices[key]
    return references


def make_labels(
    configs: Mapping[str, CellConfig], references: Mapping[str, LabelReference], baseline: str = ""
) -> dict[str, str]:
    """A label for every cell.

    Args:
        configs: id -> config of all cells of a study.
        references: id -> what its label is read against; cells with the same choices share one.
        baseline: what stands for the cells in which nothing differs: in a grid, their own values of its factors.

    Returns:
        id -> label, for example "norm=bn,lr=0.2,seed=1"; "baseline" where nothing differs.
    """
    flat = {run_id: leaves(plain(config)) for run_id, config in configs.items()}
    seeds = {values["seed"] for values in flat.values()}
    differing = _differing(flat, references)
    short = _short_names({key for values in differing.values() for key in values})
    labels: dict[str, str] = {}
    for run_id, values in differing.items():
        words = [f"{group}={choice}" for group, choice in references[run_id].choices.items()]
        words += [f"{short[key]}={_text(value)}" for key, value in values.items()]
        words += [] if words or not baseline else [baseline]
        words += [f"seed={flat[run_id]['seed']}"] if len(seeds) > 1 else []
        labels[run_id] = _file_name(",".join(words) or "baseline")
    return _unique(labels)


def _differing(
    flat: Mapping[str, Mapping[str, object]], references: Mapping[str, LabelReference]
) -> dict[str, dict[str, object]]:
    """id -> what of its config differs from its reference, the seed apart."""
    shared: dict[int, Mapping[str, object]] = {}  # many cells share a reference, and to flatten one takes a while
    for reference in references.values():
        if id(reference) not in shared:
            shared[id(reference)] = leaves(plain(reference.reference))
    more: dict[str, dict[str, object]] = {}
    for run_id, values in flat.items():
        usual = shared[id(references[run_id])]  # a key that only it has lies under one that is null here
        more[run_id] = {
            key: value for key, value in values.items() if key != "seed" and usual.get(key, _ABSENT) != value
        }
    return more


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
