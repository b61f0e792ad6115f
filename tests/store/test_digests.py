"""A finished run is vouched for: any flipped byte is found and named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from an_cli.store import RunFolder, RunWriter, take
from an_cli.store.digests import damages


@pytest.fixture
def finished(run: RunFolder, records: Any) -> RunWriter:
    claim = take(run)
    assert claim is not None
    writer = RunWriter(claim)
    writer.attempt(records.attempt)
    writer.metrics({"kind": "epoch", "step": 1})
    writer.file(writer.run.mixture, b"gamma and beta")
    writer.file(writer.run.checkpoints / "step-000000001-0123456789abcdef.pt", bytes(range(256)))
    writer.finish(records.result, records.correct)
    return writer


def covered(writer: RunWriter) -> list[Path]:
    run = writer.run
    files = [run.cell, run.attempts, run.metrics, run.per_sample, run.mixture, run.result, run.digests]
    return [*files, *run.checkpoints.iterdir()]


def test_an_untouched_run_is_as_it_was(finished: RunWriter) -> None:
    # The fixture's cell.json holds no real cell, which is said; nothing else is.
    assert [said for said in damages(finished.run) if not said.startswith("cell.json")] == []


def test_every_flipped_byte_is_found(finished: RunWriter) -> None:
    before = len(damages(finished.run))
    dice = random.Random(0)
    for path in covered(finished):
        raw = path.read_bytes()
        for _ in range(20):
            place = dice.randrange(len(raw))
            path.write_bytes(raw[:place] + bytes([raw[place] ^ (1 << dice.randrange(8))]) + raw[place + 1 :])
            assert len(damages(finished.run)) > before or "cell.json" in path.name, f"{path.name}, byte {place}"
        path.write_bytes(raw)
    assert len(damages(finished.run)) == before


def test_a_missing_file_is_named(finished: RunWriter) -> None:
    finished.run.mixture.unlink()
    assert "mixture.npz: missing" in damages(finished.run)
    finished.run.digests.unlink()
    assert any("digests.json: missing" in said for said in damages(finished.run))
