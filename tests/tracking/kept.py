"""What the double of the service keeps: runs, their history, files and artifacts, and saved views."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INTERNAL = "_wandb"  # the config key that the SDK keeps for itself
HISTORY, EVENTS, SUMMARY, OUTPUT = (
    "wandb-history.jsonl",
    "wandb-events.jsonl",
    "wandb-summary.json",
    "output.log",
)


class Refused(Exception):
    """A request that the service answers with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class KeptRun:
    """One run as the service holds it.

    `lines` has each stream's lines by number: a client that sends a line again writes it over, and what it wrote over
    with other words is kept in `overwritten`.
    """

    entity: str
    project: str
    id: str
    number: int
    name: str = ""
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    host: str | None = None
    program: str | None = None
    commit: str | None = None
    repo: str | None = None
    raw_config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, dict[int, str]] = field(default_factory=dict)
    overwritten: list[tuple[str, int, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    artifacts: list[KeptArtifact] = field(default_factory=list)
    state: str = "running"
    exit_code: int | None = None
    preempting: int = 0  # how often it was said
    upserts: int = 0
    inits: int = 0  # starts and resumes: upserts that came after an end, and the first

    @property
    def storage_id(self) -> str:
        """The service's own name of it."""
        return opaque("Run", f"{self.entity}/{self.project}/{self.id}")

    @property
    def config(self) -> dict[str, Any]:
        """What the user configured, nested as it was sent."""
        return {key: _value(item) for key, item in self.raw_config.items() if key != INTERNAL}

    @property
    def internal(self) -> dict[str, Any]:
        """What the SDK adds to the config of its own accord: versions, defined metrics, telemetry."""
        return dict(_value(self.raw_config.get(INTERNAL, {"value": {}})))

    @property
    def history(self) -> list[dict[str, Any]]:
        """The logged rows, in the order of their lines."""
        return [json.loads(line) for line in self.stream(HISTORY)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was measured of the machine."""
        return [json.loads(line) for line in self.stream(EVENTS)]

    @property
    def output(self) -> list[str]:
        """The console's lines."""
        return self.stream(OUTPUT)

    def stream(self, name: str) -> list[str]:
        """The lines of a stream by their numbers."""
        return [line for _, line in sorted(self.lines.get(name, {}).items())]

    def take(self, message: Mapping[str, Any]) -> None:
        """Keep what one message of the file stream brings."""
        for name, part in (message.get("files") or {}).items():
            if name == SUMMARY:
                self.summary = json.loads(part["content"][-1])
            self._write(name, part["offset"], part["content"])
        if message.get("preempting"):
            self.preempting += 1
            self.state = "preempting"
        if message.get("complete"):
            self.exit_code = message.get("exitcode")
            preempted = self.state == "preempting" and self.exit_code
            self.state = "preempted" if preempted else "failed" if self.exit_code else "finished"

    def _write(self, name: str, offset: int, content: Sequence[str]) -> None:
        kept = self.lines.setdefault(name, {})
        for number, line in enumerate(content, start=offset):
            if kept.get(number, line) != line and name not in (SUMMARY, OUTPUT):
                self.overwritten.append((name, number, kept[number]))
            kept[number] = line

    def upsert(self, given: Mapping[str, Any]) -> None:
        """Keep what a client says of the run; what it leaves out stays."""
        self.upserts += 1
        if self.upserts == 1 or self.state not in ("running", "preempting"):
            self.inits += 1
            self.state, self.exit_code = "running", None
        words = {
            "displayName": "name",
            "groupName": "group",
            "jobType": "job_type",
            "notes": "notes",
            "host": "host",
            "jobProgram": "program",
            "jobRepo": "repo",
            "commit": "commit",
            "tags": "tags",
        }
        for key, name in words.items():
            if given.get(key) is not None:
                setattr(self, name, given[key])
        if given.get("config") is not None:
            self.raw_config = json.loads(given["config"])
        if given.get("summaryMetrics") is not None:
            self.summary = json.loads(given["summaryMetrics"])


@dataclass
class KeptArtifact:
    """An artifact version: what its manifest names, and the bytes that came for it."""

    number: int
    run: KeptRun
    type: str
    collection: str
    digest: str
    metadata: Any
    description: str | None
    aliases: list[str]
    client_id: str | None
    version: int
    state: str = "PENDING"
    manifest: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def storage_id(self) -> str:
        """The service's own name of it."""
        return opaque("Artifact", str(self.number))

    @property
    def entries(self) -> dict[str, Any]:
        """What the manifest names: path -> digest and size."""
        return dict(json.loads(self.manifest)["contents"]) if self.manifest else {}

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(int(entry.get("size", 0)) for entry in self.entries.values())


@dataclass
class KeptView:
    """A saved workspace or report: its specification as the client sent it."""

    id: str
    entity: str
    project: str
    type: str
    name: str
    display_name: str
    description: str
    spec: dict[str, Any]


@dataclass
class Kept:
    """All that the double holds."""

    entity: str = "lab"  # whose key it is
    runs: dict[tuple[str, str, str], KeptRun] = field(default_factory=dict)
    artifacts: list[KeptArtifact] = field(default_factory=list)
    views: dict[str, KeptView] = field(default_factory=dict)
    deleted: set[tuple[str, str, str]] = field(default_factory=set)
    projects: set[tuple[str, str]] = field(default_factory=set)

    def run(self, entity: str | None, project: str | None, name: str) -> KeptRun | None:
        """A run by its address."""
        return self.runs.get((entity or self.entity, project or "uncategorized", name))

    def delete(self, run: KeptRun) -> None:
        """Delete a run; the service never takes its id again."""
        address = (run.entity, run.project, run.id)
        del self.runs[address]
        self.deleted.add(address)


def opaque(kind: str, name: str) -> str:
    """An identifier as the service makes them, which clients only hand back."""
    return base64.b64encode(f"{kind}:{name}".encode()).decode()


def _value(item: Any) -> Any:
    return item["value"] if isinstance(item, dict) and "value" in item else item
