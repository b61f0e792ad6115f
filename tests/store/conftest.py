"""A run folder as the launcher prepares it, and records to put into it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from an_cli.config import CellConfig, Composer, plain
from an_cli.store import CLASSIFICATION, Attempt, Evaluation, PerSample, Result, RunFolder, Store
from an_cli.store.claims import this_process

PLANES = CLASSIFICATION.planes

_EVALUATION = Evaluation(epoch=3, loss=0.5, samples=13, values={"top1_error_pct": 12.5, "top5_error_pct": 1.25})


class Records:
    """One of each, as values and as the plain forms that a file holds."""

    result = Result(
        last=_EVALUATION, best=_EVALUATION, steps=30, params=1000, macs=2000, attempt=1, train_s=1.5,
        code_tree="0" * 16, data_fingerprint="f" * 16, device="cpu",
    )  # fmt: skip
    attempt = Attempt(
        attempt=1, started_at="2026-01-01T00:00:00+00:00", host="node1", pid=7, python="3.11", torch="2.6",
        device="cpu", cpu_threads=1, code_tree="0" * 16, commit=None, train_fingerprint="t", eval_fingerprint="e",
        resumed_step=0,
    )  # fmt: skip
    correct = PerSample(13, "e" * 16, {name: bytes([index, 255 - index]) for index, name in enumerate(PLANES)})
    plain_result = plain(result)
    plain_attempt = plain(attempt)


@pytest.fixture(scope="session")
def records() -> type[Records]:
    return Records


@pytest.fixture(scope="session")
def cell(composer: Composer) -> CellConfig:
    return composer.compose(["norm=bn"]).cell


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def run(store: Store, cell: CellConfig) -> RunFolder:
    return store.prepare(cell, {"norm": "bn"})


@pytest.fixture
def hold(run: RunFolder) -> Callable[..., None]:
    """Puts a claim of some holder into the run folder, as another process would."""

    def put(number: int = 1, *, silent_s: float = 0.0, **changes: Any) -> None:
        run.claims.mkdir(exist_ok=True)
        path = run.claims / str(number)
        path.write_text(json.dumps(asdict(replace(this_process(), **changes))))
        then = time.time() - silent_s
        os.utime(path, (then, then))

    return put
