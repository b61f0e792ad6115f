"""What `data` found, as text. Each takes the very value that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from an_cli.report.formats.wording import clean

Value = Mapping[str, Any]
_SHOWN = 20  # problems that are printed; --json has all
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size_text(count: float) -> str:
    """For example "137.5 GiB"."""
    unit = 0
    while count >= 1024 and unit + 1 < len(_UNITS):
        count, unit = count / 1024, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def prepared_text(answer: Value) -> str:
    """What was written and what was there already."""
    lines = [f"{clean(answer['target'])}: {answer['written']} shards written, {answer['kept']} kept"]
    for split, name in (("train", "train"), ("eval", "val")):
        part = answer[split]
        lines.append(f"  {name}: {part['samples']:,} images in {part['shards']} shards, {size_text(part['bytes'])}")
    return "\n".join([*lines, f"  fingerprint: {answer['fingerprint']}"]) + "\n"


def verified_text(answer: Value) -> str:
    """Counts, fingerprints and problems."""
    form = "single files" if answer["shards"] is None else f"{answer['shards']} shards"
    lines = [f"{clean(answer['path'])}: {answer['classes']:,} classes, as {form}"]
    for split, name in (("train", "train"), ("eval", "val")):
        part = answer[split]
        sizes = f"{part['smallest_class']:,} to {part['largest_class']:,} per class"
        lines.append(f"  {name}: {part['samples']:,} images, {sizes}, {size_text(part['bytes'])}")
        lines.append(f"    fingerprint: {part['fingerprint']}")
        if part["absent_classes"]:
            absent = ", ".join(map(clean, part["absent_classes"][:3]))
            lines.append(f"    {len(part['absent_classes'])} classes have no image here: {absent}")
    lines.append(f"  fingerprint of both: {answer['fingerprint']}")
    return "\n".join([*lines, *_verdict(answer)]) + "\n"


def _verdict(answer: Value) -> list[str]:
    problems = [clean(text) for text in answer["problems"]]
    if not problems:
        return ["every image was decoded" if answer["decoded"] else "names and sizes only; no image was decoded"]
    rest = [f"  and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    return [f"{len(problems)} problems", *(f"  {text}" for text in problems[:_SHOWN]), *rest]
