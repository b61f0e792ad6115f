"""Writing into a run folder: every write is fenced by the attempt's claim."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from an_cli.config import plain
from an_cli.files import (
    append_line,
    cannot_write,
    canonical_json,
    json_text,
    read_json_lines,
    subfolders,
    write_atomic,
)
from an_cli.store.claims import Claim, newest_claim, take
from an_cli.store.digests import digest_text
from an_cli.store.doing import Activity, Doing, write_doing
from an_cli.store.folder import RunFolder
from an_cli.store.per_sample import PerSample, encode
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

    def doing(self, activity: Activity, from_step: int | None = None, from_elapsed_s: float = 0.0) -> None:
        """Say what this attempt does now (see `Doing`)."""
        write_doing(
            self.claim,
            Doing(
                attempt=self.claim.number,
                activity=activity,
                from_step=from_step,
                from_elapsed_s=from_elapsed_s,
            ),
        )

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
            text = "".join(f"{canonical_json(line)}\n" for line in kept)
            write_atomic(self.run.metrics, text, before_replace=self.claim.check)

    def file(self, path: Path, data: bytes) -> None:
        """Replace one file whole. Writing takes its time: the claim is checked again before the file appears."""
        self.claim.check()
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, data, before_replace=self.claim.check)

    def finish(self, result: Result, evidence: PerSample) -> None:
        """Write the per-sample evidence, the digests, then the result: a result means that everything else is there."""
        self.file(self.run.per_sample, encode(evidence))
        raw = json_text(plain(result)).encode()
        self.file(self.run.digests, digest_text(self.run, raw).encode())
        self.file(self.run.result, raw)

    def fail(self, message: str) -> None:
        """Record why this attempt failed."""
        self.file(self.run.error, message.encode(errors="backslashreplace"))


def set_aside(run: RunFolder, *, seen: int) -> Path | None:
    """Move what a run has come to into `archive/<number>/`, so that the cell is run again from the start.

    Takes the claim for that long, so no attempt writes meanwhile. The checkpoints go first and the result next: a crash
    in between leaves a finished run, or one that starts anew, but never old weights that a new attempt would continue.

    Args:
        run: what to set aside.
        seen: the newest claim when it was decided (`newest_claim`).

    Returns:
        The archive; None where another attempt holds the run or has been there since.

    Raises:
        StoreError: the folder cannot be written; what is moved already stays moved.
    """
    try:
        if newest_claim(run) != seen:
            return None
    except OSError as error:
        raise cannot_write(run.claims, error) from error
    claim = take(run)
    if claim is None:
        return None
    try:
        return _move(run) if claim.number == seen + 1 else None
    finally:
        claim.release()


def _move(run: RunFolder) -> Path:
    done = [int(name) for name in subfolders(run.archive) if name.isdecimal()]
    target = run.archive / str(max(done, default=0) + 1)
    staying = {run.cell.name, run.job.name, run.claims.name, run.archive.name}
    try:
        target.mkdir(parents=True)
        names = [name for name in os.listdir(run.path) if name not in staying]
        for name in sorted(names, key=lambda name: (name != run.checkpoints.name, name != run.result.name, name)):
            os.rename(run.path / name, target / name)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target
