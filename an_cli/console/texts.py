"""The reading verbs' answers as text. Each takes the very value that `--json` prints."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from an_cli.console.columns import align, prose
from an_cli.console.medium import FILE, STATE_STYLES, Medium
from an_cli.console.words import DASH, duration, number
from an_cli.report.formats.layout import TextCell
from an_cli.report.formats.wording import clean, count_text
from an_cli.report.spec import Quantity

Value = Mapping[str, Any]
_OTHER = "*"  # mark of a finished cell that other code made
_OTHER_NOTE = f"{_OTHER} finished with other code than what is installed now"


def params_text(count: float | None) -> str:
    """For example "25.76M"."""
    return DASH if count is None else count_text(count, Quantity.PARAMS)


def macs_text(count: float | None) -> str:
    """For example "4.09G"."""
    return DASH if count is None else count_text(count, Quantity.MACS)


def plan_text(plan: Value, on: Medium = FILE) -> str:
    """Rows with their costs and the states of their cells, notes, and the cells that are not finished."""
    cells = {cell["id"]: cell for cell in plan["cells"]}
    notes = list(dict.fromkeys(row["note"] for row in plan["rows"] if row["note"]))
    spending = plan.get("spending")
    hours: Value = (spending or {}).get("hours_by_cell") or {}
    body: list[list[str | TextCell]] = [
        [
            clean(row["label"]) + (f" [{notes.index(row['note']) + 1}]" if row["note"] else ""),
            params_text(row["params"]),
            macs_text(row["macs"]),
            *([_hours_text([hours[cell_id] for cell_id in row["cells"] if cell_id in hours])] if hours else []),
            TextCell("published" if row["kind"] == "literature" else "imported", "dim")
            if row["kind"] != "trained"
            else _states([cells[cell_id] for cell_id in row["cells"]]),
        ]
        for row in plan["rows"]
    ]
    header = ["row", "#Params", "FLOPs", *(["time"] if hours else []), "cells"]
    weights = {"FLOPs": 2, "#Params": 1}
    table = align(header, body, left=(0, len(header) - 1), on=on, weights=weights)
    lines = [prose(f"[{place}] {clean(note)}", on, later="    ", style="dim") for place, note in enumerate(notes, 1)]
    lines += [_other_note(on)] if any(cell["code"] == "other" for cell in cells.values()) else []
    spent = "".join(prose(line, on) for line in _spending_text(spending).splitlines())
    title = prose(clean(plan["title"]), on, style="bold")
    return f"{title}\n{table}{''.join(lines)}\n{prose(plan['sentence'], on)}{spent}"


def _other_note(on: Medium) -> str:
    return prose(_OTHER_NOTE, on, later="  ", style="dim")


def _hours_text(hours: Sequence[float]) -> str:
    """Device hours that a row still needs."""
    return duration(3600 * sum(hours)) if hours else DASH


def _spending_text(spending: Value | None) -> str:
    """What is left to spend, and what that rests on."""
    if spending is None:
        return ""
    disk = f"checkpoints: {spending['checkpoint_bytes'] / 2**30:.2f} GiB while all of them go\n"
    if spending["hours"] is None:
        return f"time: not known before a first run of this store, or an-cli smoke, has finished; {disk}"
    left = f"left: about {duration(3600 * spending['hours'])} of {clean(spending['device'])}"
    if spending["measured_by_smoke"]:
        return f"{left} at most, by the pace of an-cli smoke, whose tiny batches are slow; {disk}"
    runs = spending["measured_runs"]
    return f"{left}, as {runs} finished {'run' if runs == 1 else 'runs'} of this store took; {disk}"


def _states(cells: Sequence[Value]) -> TextCell:
    counts = Counter(cell["status"] + (_OTHER if cell["code"] == "other" else "") for cell in cells)
    text = ", ".join(f"{count} {status}" for status, count in counts.items())
    # One color says one thing: a row whose cells differ has none.
    return TextCell(text, STATE_STYLES.get(next(iter(counts)).rstrip(_OTHER), "") if len(counts) == 1 else "")


def status_text(cells: Sequence[Value], on: Medium = FILE) -> str:
    """A line per cell: its state, how far it is, and why it failed."""
    if not cells:
        return "no runs\n"
    body = [_status_line(cell) for cell in cells]
    heads, left = ["id", "label", "status", "epoch", "train loss", _primary_head(cells), "left"], [0, 1, 2]
    if any(cell.get("row", cell["label"]) not in cell["label"] for cell in cells):
        heads, left = [*heads, "row"], [*left, len(heads)]
        for line, cell in zip(body, cells, strict=True):
            line.append(clean(cell.get("row") or DASH))
    if any(cell.get("job") for cell in cells):
        heads, left = [*heads, "job", "node", "reason"], [*left, *range(len(heads), len(heads) + 3)]
        for line, cell in zip(body, cells, strict=True):
            line += [clean(str(cell.get(key) or DASH)) for key in ("job", "node", "reason")]
    if any(cell.get("tags") for cell in cells):
        heads, left = [*heads, "tags"], [*left, len(heads)]
        for line, cell in zip(body, cells, strict=True):
            line.append(clean(" ".join(cell.get("tags") or ())))
    other = [_other_note(on)] if any(cell["code"] == "other" for cell in cells) else []
    return align(heads, body, left=left, on=on, weights=_STATUS_WEIGHTS) + "".join([*_errors(cells, on), *other])


def _status_line(cell: Value) -> list[str | TextCell]:
    return [
        cell["id"],
        clean(cell["label"]) or DASH,
        _state(cell),
        DASH if cell["epoch"] is None else f"{cell['epoch']}/{cell['epochs']}",
        number(cell["loss"], 3),
        _primary(cell),
        duration(cell["eta_s"]),
    ]


def _errors(cells: Sequence[Value], on: Medium) -> list[str]:
    return [
        prose(f"{clean(cell['label']) or cell['id']}: {clean(cell['error'])}", on, later="  ", style=_error_style(cell))
        for cell in cells
        if cell["error"]
    ]


_MARKS = {True: "ok", False: "amiss", None: "-"}


def checks_text(checks: Sequence[Value], on: Medium = FILE) -> str:
    """A line per check of `doctor`: whether it is as it should be, what was looked at, and what now."""
    texts = [f"{_MARKS[check['well']]:>5}  {check['name']}: {check['found']}{_now(check)}" for check in checks]
    styles = ["red" if check["well"] is False else "" for check in checks]
    return "".join(prose(text, on, later="       ", style=style) for text, style in zip(texts, styles, strict=True))


def _now(check: Value) -> str:
    return f" -> {check['now']}" if check["now"] else ""


def _primary_head(cells: Sequence[Value]) -> str:
    """Of the tasks' primary measures, where they are the same one."""
    heads = {cell["measure"]["head"] for cell in cells}
    return str(next(iter(heads))) if len(heads) == 1 else "measure"


def _primary(cell: Value) -> str:
    measure = cell["measure"]
    return number(cell[measure["key"]], measure["decimals"])


# What a narrow terminal goes without, the highest first.
_STATUS_WEIGHTS = {"row": 5, "train loss": 4, "id": 3, "node": 2, "job": 1}


def _state(cell: Value) -> TextCell:
    text = cell["status"] + (_OTHER if cell["code"] == "other" else "")
    return TextCell(f"{text}: {cell['phase']}" if cell.get("phase") else text, STATE_STYLES.get(cell["status"], ""))


def _error_style(cell: Value) -> str:
    return "red" if STATE_STYLES.get(cell["status"]) == "red" else ""


def model_text(model: Value, on: Medium = FILE) -> str:
    """A line per stage: output shape, parameters, multiply-accumulates, and its AN layers."""
    body = [
        [
            stage["name"],
            "x".join(map(str, stage["shape"])),
            f"{stage['params']:,}",
            f"{stage['macs']:,}",
            ", ".join(f"{layer['channels']} (K={layer['components']})" for layer in stage["an"]),
        ]
        for stage in model["stages"]
    ]
    body.append(["total", "", f"{model['params']:,}", f"{model['macs']:,}", ""])
    kinds = "".join(f"{count:>12,}  {kind}\n" for kind, count in model["params_by_kind"].items())
    table = align(["stage", "output", "#Params", "MACs", "AN layers: channels (K)"], body, left=(0, 1, 4), on=on)
    kernels = f"\nAN layers on this machine's CPU: kernels {model['kernels']}\n" if model.get("kernels") else ""
    return f"{table}\nparameters by kind\n{kinds}{kernels}"


def run_text(run: Value, on: Medium = FILE) -> str:
    """One run: its state, config, attempts, result and files."""
    state = on.paint(run["status"], STATE_STYLES.get(run["status"], ""))
    head = [f"run {run['id']}: {state}\n", *(prose(f"  {clean(label)}", on) for label in run["labels"])]
    tags = [*filter(None, [run.get("name")]), *(f"+{tag}" for tag in run.get("tags") or ())]
    head += [prose(f"  {clean('  '.join(tags))}", on)] if tags else []
    head += [
        prose(f"  {note['at']} {note['by']}: {clean(note['text'])}", on, later="    ")
        for note in run.get("notes") or ()
    ]
    head += [prose(f"  {clean(run['error'])}", on, style="red")] if run["error"] else []
    lost = run["skipped_lines"]
    head += [prose(f"  damaged lines of its records, skipped: {lost}", on)] if lost else []
    lines = [*_result(run), *_config(run), *_attempts(run), *_files(run)]
    return "".join([*head, *(prose(line, on, later="      ") if line else "\n" for line in lines)])


def _result(run: Value) -> list[str]:
    if run.get("imported") is not None:
        return _imported(run["imported"], run["measures"])
    if run["result"] is None:
        return []
    lines = ["", "result"]
    for which in ("last", "best"):
        numbers = run["result"][which]
        measured = measures_text(run["measures"], numbers)
        lines.append(f"  {which}: epoch {numbers['epoch'] + 1}, {measured}, evaluation loss {numbers['loss']:.4f}")
    cost = f"{params_text(run['result']['params'])} parameters, {macs_text(run['result']['macs'])} MACs"
    return [*lines, f"  {cost}, trained in {duration(run['result']['train_s'])} on {run['result']['device']}"]


def _imported(imported: Value, measures: Sequence[Value]) -> list[str]:
    lines = [
        "",
        "imported, not trained",
        f"  {clean(imported['file'])}, sha256 {imported['sha256']}, {imported['imported_at']}",
    ]
    evaluated = imported["evaluation"]
    if evaluated is None:
        return [*lines, "  not evaluated yet: an-cli evaluate RUN"]
    return [*lines, f"  evaluated: {measures_text(measures, evaluated)}, loss {evaluated['loss']:.4f}"]


def measures_text(measures: Sequence[Value], numbers: Value) -> str:
    """An evaluation's measures in a line: "RMSE 0.312, MAE 0.250"."""
    return ", ".join(
        f"{measure['title']} {numbers[measure['key']]:.{measure['decimals']}f} {measure['unit']}".rstrip()
        for measure in measures
    )


def _config(run: Value) -> list[str]:
    keys = run["config"] or {}
    width = max(map(len, keys), default=0)
    return ["", "config", *(f"  {key.ljust(width)}  {_as_typed(value)}" for key, value in keys.items())] if keys else []


def _as_typed(value: object) -> str:
    """A value as it stands in YAML and is typed as an override."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _attempts(run: Value) -> list[str]:
    lines = [
        f"  {attempt['attempt']}: {attempt['started_at']} on {attempt['host']}, {attempt['device']}, "
        f"{norm_path_text(attempt)}from step {attempt['resumed_step']}, "
        f"code {attempt['commit'] or attempt['code_tree']}"
        for attempt in run["attempts"]
    ]
    return ["", "attempts", *lines] if lines else []


def norm_path_text(attempt: Value) -> str:
    """How an attempt computed its AN layers, with a comma behind; nothing where it had none, or did not say."""
    path = attempt.get("norm_path")
    return f"AN {path}, " if path else ""


def _files(run: Value) -> list[str]:
    """Their names below their folder: a path that is broken cannot be copied."""
    if not run["files"]:
        return []
    return ["", f"files in {os.path.relpath(os.path.dirname(run['files'][0]))}", *_names(run["files"])]


def _names(files: Sequence[str]) -> list[str]:
    return [f"  {os.path.basename(file)}" for file in files]


def pulled_text(pulled: Value, on: Medium = FILE) -> str:
    """Runs that came from W&B with their numbers, how many there were, and how to quote them."""
    records = pulled["pulled"]
    keys = list(dict.fromkeys(key for record in records for key in record["values"]))
    body = [
        [record["run"], record["name"], *(number(record["values"].get(key), 2) for key in keys)] for record in records
    ]
    table = align(["run", "name", *keys], body, left=(0, 1), on=on) if records else ""
    doubts = "".join(prose(f"{record['run']}: {clean(doubt)}", on) for record in records for doubt in record["doubts"])
    due = "".join(prose(f"would pull {reference}", on) for reference in pulled["due"])
    counted = {"pulled": len(records), "to pull": len(pulled["due"]), "as they were": len(pulled["same"])}
    sentence = ", ".join(f"{count} {what}" for what, count in counted.items() if count) or "nothing pulled"
    end = prose(sentence, on)
    if records:
        end += prose(f'a row of a study quotes them: {{label: "...", imported: [{records[0]["run"]}, ...]}}', on)
    return f"{table}{doubts}{due}{end}"
