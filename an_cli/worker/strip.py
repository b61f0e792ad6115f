"""Finished runs keep their weights and lose what only more training would need: the optimizer's momentum."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from an_cli.errors import AnError
from an_cli.store import RunFolder, RunWriter, take
from an_cli.store.digests import damages, digest_text
from an_cli.store.endings import Ending
from an_cli.train import checkpoint


def answer_strip(requests: Iterable[str], answers: TextIO) -> int:
    """For each `{"run"}` line of a finished run answer `{"run", "freed", "error"}`: bytes freed, or why it was left."""
    for line in requests:
        if line.strip():
            run = RunFolder(Path(json.loads(line)["run"]))
            try:
                freed, error = _strip(run), None
            except AnError as problem:
                freed, error = 0, str(problem)
            print(json.dumps({"run": str(run.path), "freed": freed, "error": error}), file=answers, flush=True)
    return 0


def _strip(run: RunFolder) -> int:
    before = _bytes(run)
    if not run.result.exists() or damages(run):
        return 0  # what is damaged is left for its owner to see
    state = checkpoint.load_newest(run)
    if state is None or "optimizer" not in state:
        return 0
    claim = take(run)
    if claim is None:
        return 0
    writer = RunWriter(claim)
    try:
        kept = {key: value for key, value in state.items() if key != "optimizer"}
        path = checkpoint.save(writer, "step", state["step"], kept)
        for old in checkpoint.saved_states(run, "step"):
            if old.path != path:
                old.path.unlink(missing_ok=True)
        writer.file(run.digests, digest_text(run, run.result.read_bytes()).encode())
    finally:
        claim.release(Ending.STRIPPED)
    return before - _bytes(run)


def _bytes(run: RunFolder) -> int:
    return sum(path.stat().st_size for path in run.checkpoints.iterdir()) if run.checkpoints.is_dir() else 0
