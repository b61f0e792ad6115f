"""What an offline file of W&B holds, read without the SDK's own reader: the judge of our offline runs.

A `.wandb` file is a log of LevelDB's form: after 7 bytes (`:W&B`, a magic number, a version), blocks of 32 KiB of
fragments, each with checksum, length and kind; the fragments of a record together are one `wandb.proto` Record.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_IDENT = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
_HEADER = struct.Struct("<IHB")  # checksum, length, kind
_BLOCK = 32 * 1024
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class NotWandb(Exception):
    """A file that does not begin as W&B's do, or whose whole fragments fail their checksum."""


@dataclass
class OfflineRun:
    """One offline file, its records applied in their order.

    `torn`: its last record is not whole, as after a kill. `end`: exit code, None without an end.
    """

    id: str = ""
    project: str = ""
    entity: str = ""
    group: str = ""
    job_type: str = ""
    name: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    host: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)  # metric or glob -> its step metric
    files: list[str] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    preempting: int = 0
    end: int | None = None
    kinds: Counter[str] = field(default_factory=Counter)  # how many records of each kind
    torn: bool = False


def read_offline(path: Path) -> OfflineRun:
    """The run in an offline file.

    Args:
        path: a `.wandb` file, or an `offline-run-...` folder with one.

    Raises:
        NotWandb: the file is none, or damaged before its end.
    """
    from wandb.proto import wandb_internal_pb2

    if path.is_dir():
        (path,) = path.glob("*.wandb")
    run = OfflineRun()
    for data in _records(path.read_bytes(), run):
        record = wandb_internal_pb2.Record.FromString(data)
        kind = record.WhichOneof("record_type")
        run.kinds[str(kind)] += 1
        _apply(run, kind, record)
    return run


def _records(content: bytes, run: OfflineRun) -> Iterator[bytes]:
    if not content.startswith(_IDENT):
        raise NotWandb("does not begin with W&B's identification")
    at, parts = len(_IDENT), b""
    while at < len(content):
        left = _BLOCK - at % _BLOCK
        if left < _HEADER.size:
            at += left
            continue
        if at + _HEADER.size > len(content):
            run.torn = True
            return
        checksum, length, kind = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        data = content[at : at + length]
        if len(data) < length or kind == 0:
            run.torn = True
            return
        if zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum:
            raise NotWandb(f"checksum fails at byte {at}")
        at += length
        parts = data if kind in (_FULL, _FIRST) else parts + data
        if kind in (_FULL, _LAST):
            yield parts
    run.torn = kind in (_FIRST, _MIDDLE) if content[len(_IDENT) :] else False


def _apply(run: OfflineRun, kind: str | None, record: Any) -> None:
    match kind:
        case "run":
            _begin(run, record.run)
        case "config":
            _change(run.config, record.config)
        case "summary":
            _change(run.summary, record.summary)
        case "history":
            row: dict[str, Any] = {}
            for item in record.history.item:
                _put(row, item)
            run.history.append({**row, "_step": record.history.step.num})
        case "metric":
            run.metrics[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        case "files":
            run.files += [file.path for file in record.files.files]
        case "artifact":
            run.artifacts.append(record.artifact.name)
        case "output_raw":
            run.output.append(record.output_raw.line)
        case "output":
            run.output.append(record.output.line)
        case "preempting":
            run.preempting += 1
        case "exit":
            run.end = record.exit.exit_code


def _begin(run: OfflineRun, record: Any) -> None:
    run.id, run.project, run.entity = record.run_id, record.project, record.entity
    run.group, run.job_type, run.name = record.run_group, record.job_type, record.display_name
    run.notes, run.tags, run.host = record.notes, list(record.tags), record.host
    _change(run.config, record.config)


def _change(values: dict[str, Any], change: Any) -> None:
    for item in change.update:
        _put(values, item)
    for item in change.remove:
        values.pop(item.key, None)


def _put(values: dict[str, Any], item: Any) -> None:
    *path, last = item.nested_key or [item.key]
    for key in path:
        values = values.setdefault(key, {})
    values[last] = json.loads(item.value_json)


def leet_summary(path: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What W&B's own viewer says of an offline file: `wandb leet inspect --summary --json PATH`."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(re.sub(r"^[^{]*", "", done.stdout, count=1)))
