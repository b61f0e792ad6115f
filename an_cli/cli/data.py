"""What `data` does: ask the heavy door, and hold what is there against what a config expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from an_cli.config import compose
from an_cli.config.schema import DataConfig
from an_cli.launch import Door


def ask_prepare(source: Path, target: Path, shards: int | None) -> dict[str, Any]:
    """Build shards; progress goes to stderr.

    Raises:
        AnError: what the heavy door found.
    """
    wanted = {"do": "prepare", "source": _full(source), "target": _full(target), "shards": shards}
    return {**_ask(wanted), "source": wanted["source"], "target": wanted["target"]}


def ask_verify(path: Path, against: str | None, *, quick: bool) -> dict[str, Any]:
    """Look at a data set of files.

    Args:
        path: its folder.
        against: a name in conf/data, whose counts are expected.
        quick: decode nothing.

    Returns:
        What is there, and `problems`, one sentence each.

    Raises:
        AnError: no such config, or what keeps the folder from being a data set.
    """
    expected = compose([f"data={against}", "recipe.augment=none"]).cell.data if against else None
    answer = _ask({"do": "verify", "path": _full(path), "decode": not quick})
    return {"path": _full(path), "decoded": not quick, **answer, "problems": list(_problems(answer, expected))}


def _full(path: Path) -> str:
    return str(path.expanduser().resolve())


def _ask(request: Mapping[str, object]) -> dict[str, Any]:
    return Door().ask_about("data", request)


def _problems(answer: Mapping[str, Any], expected: DataConfig | None) -> Iterator[str]:
    for split in ("train", "eval"):
        yield from (f"cannot be decoded: {text}" for text in answer[split]["unreadable"])
    if expected is None:
        return
    for what, there, wanted in (
        ("classes", answer["classes"], expected.classes),
        ("images of train", answer["train"]["samples"], expected.train_samples),
        ("images of val", answer["eval"]["samples"], expected.eval_samples),
    ):
        if wanted is not None and there != wanted:
            yield f"{there:,} {what}, expected {wanted:,}"
