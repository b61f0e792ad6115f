"""The reading verbs' answers as text. Each takes the very value that `--json` prints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from an_cli.console.columns import align
from an_cli.console.words import DASH, duration, number
from an_cli.report.spec import Measure
from an_cli.report.wording import clean, count_text

Value = Mapping[str, Any]
_OTHER = "*"  # mark of a finished cell that other code made
_OTHER_NOTE = f"{_OTHER} finished with other code than what is installed now"


def params_text(count: float | None) -> str:
    """For example "25.76M"."""
    return DASH if count is None else count_text(count, Measure.PARAMS)


def macs_text(count: float | None) -> str:
    """For example "4.09G"."""
    return DASH if count is None else count_text(count, Measure.MACS)


def plan_text(plan: Value) -> str:
    """Rows with their costs and the states of their cells, notes, and the cells that are not finished."""
    cells = {cell["id"]: cell for cell in plan["cells"]}
    notes = list(dict.fromkeys(row["note"] for row in plan["rows"] if row["note"]))
    spending = plan.get("spending")
    hours: Value = (spending or {}).get("hours_by_cell") or {}
    body = [
        [
            clean(row["label"]) + (f" [{notes.index(row['note']) + 1}]" if row["note"] else ""),
            params_text(row["params"]),
            macs_text(row["macs"]),
            *([_hours_text([hours[one] for one in row["cells"] if one in hours])] if hours else []),
            "published" if row["kind"] == "literature" else _states([cells[one] for one in row["cells"]]),
        ]
        for row in plan["rows"]
    ]
    lines = [f"[{place}] {clean(note)}\n" for place, note in enumerate(notes, 1)]
    lines += [f"{_OTHER_NOTE}\n"] if any(cell["code"] == "other" for cell in cells.values()) else []
    header = ["row", "#Params", "FLOPs", *(["hours"] if hours else []), "cells"]
    table = align(header, body, left=(0, len(header) - 1))
    return f"{clean(plan['title'])}\n\n{table}{''.join(lines)}\n{plan['sentence']}\n{_spending_text(spending)}"


def _hours_text(hours: Sequence[float]) -> str:
    """Device hours that a row still needs."""
    return duration(3600 * sum(hours)) if hours else DASH


def _spending_text(spending: Value | None) -> str:
    """What is left to spend, and what that rests on."""
    if spending is None:
        return ""
    disk = f"checkpoints: {spending['checkpoint_bytes'] / 2**30:.2f} GiB while all of them go\n"
    if spending["hours"] is None:
        return f"hours: not known before a first run of this store, or an-cli smoke, has finished; {disk}"
    left = f"left: about {duration(3600 * spending['hours'])} of {clean(spending['device'])}"
    if spending["measured_by_smoke"]:
        return f"{left} at most, by the pace of an-cli smoke, whose tiny batches are slow; {disk}"
    runs = spending["measured_runs"]
    return f"{left}, as {runs} finished {'run' if runs == 1 else 'runs'} of this store took; {disk}"


def _states(cells: Sequence[Value]) -> str:
    counts = Counter(cell["status"] + (_OTHER if cell["code"] == "other" else "") for cell in cells)
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def status_text(cells: Sequence[Value]) -> str:
    """A line per cell: its state, how far it is, and why it failed."""
    if not cells:
        return "no runs\n"
    body = [
        [
            cell["id"],
            cell["label"] or DASH,
            cell["status"] + (_OTHER if cell["code"] == "other" else ""),
            DASH if cell["epoch"] is None else f"{cell['epoch']}/{cell['epochs']}",
            number(cell["loss"], 3),
            number(cell["top1_error_pct"], 2),
            duration(cell["eta_s"]),
        ]
        for cell in cells
    ]
    lines = [f"{cell['label'] or cell['id']}: {clean(cell['error'])}\n" for cell in cells if cell["error"]]
    lines += [f"{_OTHER_NOTE}\n"] if any(cell["code"] == "other" for cell in cells) else []
    heads, left = ["id", "label", "status", "epoch", "train loss", "top-1 (%)", "left"], [0, 1, 2]
    if any(cell.get("job") for cell in cells):
        heads, left = [*heads, "job", "node", "reason"], [0, 1, 2, 7, 8, 9]
        for line, cell in zip(body, cells, strict=True):
            line += [clean(str(cell.get(key) or DASH)) for key in ("job", "node", "reason")]
    return align(heads, body, left=left) + "".join(lines)


def model_text(model: Value) -> str:
    """A line per stage: output shape, parameters, multiply-accumulates, and its AN layers."""
    body = [
        [
            stage["name"],
            "x".join(map(str, stage["shape"])),
            f"{stage['params']:,}",
            f"{stage['macs']:,}",
            ", ".join(f"{one['channels']} (K={one['components']})" for one in stage["an"]),
        ]
        for stage in model["stages"]
    ]
    body.append(["total", "", f"{model['params']:,}", f"{model['macs']:,}", ""])
    kinds = "".join(f"{count:>12,}  {kind}\n" for kind, count in model["params_by_kind"].items())
    table = align(["stage", "output", "#Params", "MACs", "AN layers: channels (K)"], body, left=(0, 1, 4))
    return f"{table}\nparameters by kind\n{kinds}"


def run_text(run: Value) -> str:
    """One run: its state, config, attempts, result and files."""
    head = [f"run {run['id']}: {run['status']}", *(f"  {label}" for label in run["labels"])]
    head += [f"  {clean(run['error'])}"] if run["error"] else []
    head += [f"  damaged lines of its records, skipped: {run['skipped_lines']}"] if run["skipped_lines"] else []
    return "\n".join([*head, *_result(run), *_config(run), *_attempts(run), *_files(run)]) + "\n"


def _result(run: Value) -> list[str]:
    if run.get("imported") is not None:
        return _imported(run["imported"])
    if run["result"] is None:
        return []
    lines = ["", "result"]
    for which in ("last", "best"):
        found = run["result"][which]
        lines.append(
            f"  {which}: epoch {found['epoch'] + 1}, top-1 error {found['top1_error_pct']:.2f} %, "
            f"top-5 error {found['top5_error_pct']:.2f} %, evaluation loss {found['loss']:.4f}"
        )
    cost = f"{params_text(run['result']['params'])} parameters, {macs_text(run['result']['macs'])} MACs"
    return [*lines, f"  {cost}, trained in {duration(run['result']['train_s'])} on {run['result']['device']}"]


def _imported(found: Value) -> list[str]:
    lines = ["", "imported, not trained", f"  {clean(found['file'])}, sha256 {found['sha256']}, {found['imported_at']}"]
    evaluated = found["evaluation"]
    if evaluated is None:
        return [*lines, "  not evaluated yet: an-cli evaluate RUN"]
    errors = f"top-1 error {evaluated['top1_error_pct']:.2f} %, top-5 error {evaluated['top5_error_pct']:.2f} %"
    return [*lines, f"  evaluated: {errors}, loss {evaluated['loss']:.4f}"]


def _config(run: Value) -> list[str]:
    keys = run["config"] or {}
    width = max(map(len, keys), default=0)
    return ["", "config", *(f"  {key.ljust(width)}  {_as_typed(value)}" for key, value in keys.items())] if keys else []


def _as_typed(value: object) -> str:
    """A value as it stands in YAML and is typed as an override."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _attempts(run: Value) -> list[str]:
    lines = [
        f"  {one['attempt']}: {one['started_at']} on {one['host']}, {one['device']}, from step {one['resumed_step']}, "
        f"code {one['commit'] or one['code_tree']}"
        for one in run["attempts"]
    ]
    return ["", "attempts", *lines] if lines else []


def _files(run: Value) -> list[str]:
    return ["", "files", *(f"  {file}" for file in run["files"])]
