"""What `evaluate` and `import-weights` found, as text. Each takes the very value that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from an_cli.console.texts import measures_text, params_text
from an_cli.console.words import duration
from an_cli.report.formats.wording import clean

Value = Mapping[str, Any]


def evaluated_text(found: Value) -> str:
    """Measures, where they come from, and whether the record says the same."""
    ranks = "1 process" if found["ranks"] == 1 else f"{found['ranks']} processes"
    lines = [
        f"{clean(found['target'])} ({clean(found['weights'])}), {found['samples']:,} samples",
        f"  {measures_text(found['measures'], found)}, loss {found['loss']:.4f}",
        f"  in {duration(found['seconds'])} on {clean(found['device'])}, {ranks}",
    ]
    recorded = found.get("recorded")
    if recorded is not None:
        keys = [measure["key"] for measure in found["measures"]]
        same = all(recorded[key] == found[key] for key in (*keys, "loss"))
        other = f"{measures_text(found['measures'][:1], recorded)}, loss {recorded['loss']:.4f}"
        lines.append("  equal to the run's record, to the last bit" if same else f"  the run's record says {other}")
    if found["out"]:
        lines.append(f"  every sample: {clean(found['out'])}")
    return "\n".join(lines) + "\n"


def imported_text(found: Value) -> str:
    """What the file held, and where it went."""
    lines = [
        f"{clean(found['file'])}: {found['tensors']} tensors in {found['names']} names, "
        f"{params_text(found['params'])} parameters, {found['precision']}",
        *([f"  taken: {clean(found['taken'])}"] if found["taken"] else []),
        f"  sha256 {found['sha256']}",
    ]
    lines += [f"  written: {clean(found['out'])}"] if found["out"] else []
    if found["run"]:
        lines.append(f"  run {found['run']}: imported, not trained; its errors: an-cli evaluate {found['run']}")
    return "\n".join(lines) + "\n"
