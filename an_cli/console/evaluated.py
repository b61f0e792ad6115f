"""What `evaluate` and `import-weights` found, as text. Each takes the very value that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from an_cli.console.texts import measures_text, params_text
from an_cli.console.words import duration
from an_cli.report.formats.wording import clean

Value = Mapping[str, Any]


def evaluated_text(answer: Value) -> str:
    """Measures, where they come from, and whether the record says the same."""
    ranks = "1 process" if answer["ranks"] == 1 else f"{answer['ranks']} processes"
    lines = [
        f"{clean(answer['target'])} ({clean(answer['weights'])}), {answer['samples']:,} samples",
        f"  {measures_text(answer['measures'], answer)}, loss {answer['loss']:.4f}",
        f"  in {duration(answer['seconds'])} on {clean(answer['device'])}, {ranks}",
    ]
    recorded = answer.get("recorded")
    if recorded is not None:
        keys = [measure["key"] for measure in answer["measures"]]
        same = all(recorded[key] == answer[key] for key in (*keys, "loss"))
        other = f"{measures_text(answer['measures'][:1], recorded)}, loss {recorded['loss']:.4f}"
        lines.append("  equal to the run's record, to the last bit" if same else f"  the run's record says {other}")
    if answer["out"]:
        lines.append(f"  every sample: {clean(answer['out'])}")
    return "\n".join(lines) + "\n"


def imported_text(answer: Value) -> str:
    """What the file held, and where it went."""
    lines = [
        f"{clean(answer['file'])}: {answer['tensors']} tensors in {answer['names']} names, "
        f"{params_text(answer['params'])} parameters, {answer['precision']}",
        *([f"  taken: {clean(answer['taken'])}"] if answer["taken"] else []),
        f"  sha256 {answer['sha256']}",
    ]
    lines += [f"  written: {clean(answer['out'])}"] if answer["out"] else []
    if answer["run"]:
        lines.append(f"  run {answer['run']}: imported, not trained; its errors: an-cli evaluate {answer['run']}")
    return "\n".join(lines) + "\n"
