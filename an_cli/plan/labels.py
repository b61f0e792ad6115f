"""Readable names of cells: only what differs within the study, safe as a file name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from an_cli.config import CellConfig, leaves, plain
from an_cli.files import canonical_json

_LONGEST = 120


def make_labels(configs: Mapping[str, CellConfig], baseline: str) -> dict[str, str]:
    """A label for every cell.

    Args:
        configs: id -> config of all cells of a study.
        baseline: id of the cell from which differences are told.

    Returns:
        id -> label, for example "squeeze=mean,seed=1"; "baseline" where nothing differs.
    """
    flat = {run_id: leaves(plain(config)) for run_id, config in configs.items()}
    reference = flat.get(baseline, {})  # a key that only the reference has lies under one that is null here
    seeds = {values["seed"] for values in flat.values()}
    keys = [key for values in flat.values() for key, value in values.items() if reference.get(key, key) != value]
    short = _short_names({key for key in keys if key != "seed"})
    labels: dict[str, str] = {}
    for run_id, values in flat.items():
        words = [
            f"{short[key]}={_text(value)}"
            for key, value in values.items()
            if key in short and _differs(key, value, reference)
        ]
        words += [f"seed={values['seed']}"] if len(seeds) > 1 else []
        labels[run_id] = _file_name(",".join(words) or "baseline")
    return _unique(labels)


def _differs(key: str, value: object, reference: Mapping[str, object]) -> bool:
    return key not in reference or reference[key] != value


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
