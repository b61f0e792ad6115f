"""What `diff` answers: two runs' numbers, and where config, code and surroundings differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from an_cli.cli.answers import run_value
from an_cli.cli.find_run import find_run, labels_of
from an_cli.config import leaves, plain, search_path
from an_cli.errors import StoreError
from an_cli.store import Store
from an_cli.store.variants import read_variant

Value = Mapping[str, Any]
_COSTS = ("params", "macs", "steps", "train_s")
_SURROUNDINGS = (
    "host",
    "python",
    "torch",
    "device",
    "norm_path",
    "cpu_threads",
    "code_tree",
    "commit",
    "train_fingerprint",
)
_NO_NUMBER = ("epoch", "steps")  # how far a run went: a difference of those is none of the result


def look_up(store: Store, word: str) -> dict[str, Any]:
    """A run as `show` gives it; a cell that is planned and was never started, too.

    Raises:
        StoreError: neither.
    """
    try:
        run = find_run(store, word)
    except StoreError as error:
        planned = _planned(store, word)
        if planned is None:
            raise error
        return planned
    return run_value(run, labels_of(store).get(run.id, []))


def _planned(store: Store, word: str) -> dict[str, Any] | None:
    study, _, label = word.partition("/")
    if study not in search_path.names("sweeps") and read_variant(store, study) is None:
        return None
    from an_cli.plan import load_named, make_plan

    cells = {cell.label: cell for cell in make_plan(load_named(study, store)).cells}
    if label not in cells:
        return None
    value = run_value(store.run(cells[label].id), [word])
    return {**value, "config": leaves(plain(cells[label].config))}


def diff_value(first: Value, second: Value, *, whole: bool = False) -> dict[str, Any]:
    """Two runs beside each other; a difference is the second less the first.

    Args:
        first, second: runs as `run_value` gives them.
        whole: with the settings and surroundings that are equal.
    """
    both = (first, second)
    settings = [run["config"] or {} for run in both]
    surroundings = [_surroundings(run) for run in both]
    return {
        "measures": list({measure["key"]: measure for run in both for measure in run["measures"]}.values()),
        "runs": [{key: run[key] for key in ("id", "labels", "status", "error")} for run in both],
        "result": _numbers(*map(_result, both)),
        "config": [line for line in _lines(settings) if whole or not line["equal"]],
        "environment": [line for line in _lines(surroundings) if whole or not line["equal"]],
    }


def _result(run: Value) -> dict[str, float]:
    """The last and the best epoch and what they cost; imported weights have one evaluation."""
    keys = [measure["key"] for measure in run["measures"]]
    if run["imported"] is not None:
        evaluation = run["imported"]["evaluation"] or {}
        costs = {key: run["imported"][key] for key in ("params", "macs")}
        return {**{f"last_{key}": evaluation[key] for key in (*keys, "loss") if key in evaluation}, **costs}
    if run["result"] is None:
        return {}
    result = run["result"]
    errors = {f"{which}_{key}": result[which][key] for which in ("last", "best") for key in (*keys, "loss", "epoch")}
    epochs = {key: errors[key] + 1 for key in ("last_epoch", "best_epoch")}  # counted from 1, as everywhere
    return {**errors, **epochs, **{key: result[key] for key in _COSTS}}


def _numbers(first: Mapping[str, float], second: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "values": [first.get(key), second.get(key)],
            "difference": None if key not in first or key not in second or _counts(key) else second[key] - first[key],
        }
        for key in dict.fromkeys([*first, *second])
    ]


def _counts(key: str) -> bool:
    return key.removeprefix("last_").removeprefix("best_") in _NO_NUMBER


def _surroundings(run: Value) -> dict[str, Any]:
    """Of the newest attempt, and what the result itself stands on."""
    newest = run["attempts"][-1] if run["attempts"] else {}
    surroundings = {key: newest[key] for key in _SURROUNDINGS if key in newest}
    result = run["result"] or {}
    surroundings |= {"data_fingerprint": result["data_fingerprint"], "code_tree": result["code_tree"]} if result else {}
    plugins = result.get("plugins") or newest.get("plugins")
    return {**surroundings, **({"plugins": list(plugins)} if plugins else {})}


def _lines(sides: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line per key of either side; what one side does not have is null there and false in `present`."""
    first, second = sides
    lines = []
    for key in dict.fromkeys([*first, *second]):
        present = [key in first, key in second]
        values = [first.get(key), second.get(key)]
        lines.append({"key": key, "values": values, "present": present, "equal": all(present) and _same(*values)})
    return lines


def _same(first: object, other: object) -> bool:
    return first == other and isinstance(first, bool) is isinstance(other, bool)
