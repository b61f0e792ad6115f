"""Writing into a run folder: every write is fenced by the attempt's claim."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from an_cli.config import plain
from an_cli.files import append_line, cannot_write, canonical_json, read_json_lines, write_atomic, write_json
from an_cli.store.claims import Claim
from an_cli.store.correct import Correct, encode
from an_cli.store.folder import RunFolder
from an_cli.store.records import Attempt, Result


@dataclass(frozen=True)
class RunWriter:
    """One attempt's pen. Every method checks the claim first and raises `Fenced` when a newer attempt exists."""

    claim: Claim

    @property
    def run(self) -> RunFolder:
        return self.claim.run

    def attempt(self, attempt: Attempt) -> None:
        """Record this start, and forget why the one before failed."""
        self.claim.check()
        append_line(self.run.attempts, asdict(attempt))
        self.run.error.unlink(missing_ok=True)

    def metrics(self, line: Mapping[str, object]) -> None:
        """Append one line of metrics."""
        self.claim.check()
        append_line(self.run.metrics, line)

    def rewind_metrics(self, step: int) -> None:
        """Drop the metrics after a step: training continues from there, and history has no doubles."""
        self.claim.check()
        lines, skipped = read_json_lines(self.run.metrics)
        kept = [line for line in lines if isinstance(line.get("step"), int) and line["step"] <= step]
        if skipped or len(kept) != len(lines):
            write_atomic(self.run.metrics, "".join(f"{canonical_json(line)}\n" for line in kept))

    def file(self, path: Path, data: bytes) -> None:
        """Replace one file whole."""
        self.claim.check()
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, data)

    def finish(self, result: Result, correct: Correct) -> None:
        """Write the bits, then the result: a result means that everything else is there."""
        self.file(self.run.correct, encode(correct))
        self.claim.check()
        write_json(self.run.result, plain(result))

    def fail(self, message: str) -> None:
        """Record why this attempt failed."""
        self.file(self.run.error, message.encode())


def set_aside(run: RunFolder, *, name: str) -> Path:
    """Move a run's outcome into `archive/<name>/`, so that the cell can be run again from the start."""
    target = run.archive / name
    try:
        target.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    for path in (run.result, run.correct, run.mixture, run.metrics, run.attempts, run.error, run.log, run.checkpoints):
        if path.exists():
            shutil.move(path, target / path.name)
    return target
