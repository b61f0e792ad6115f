"""A tiny cell on synthetic data, trained in well under a second per epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from an_cli.config import Composer, plain
from an_cli.files import write_json
from an_cli.store import RunFolder, RunWriter, Store, take
from an_cli.train import StopFlag, attempt

TINY = (
    "model=resnet_small",
    "model.widths=[4,4,8,8]",
    "model.stem_width=4",
    "norm.attention.components=[2,2,3,3]",
    "recipe=demo",
    "recipe.epochs=3",
    "recipe.batch_per_replica=8",
    "recipe.augment=shift_flip",
    "data=synthetic",
    "data.channels=1",
    "data.mean=[0.5]",
    "data.std=[0.25]",
    "data.image_size=16",
    "data.train_samples=40",
    "data.eval_samples=20",
    "launch.device=cpu",
    "launch.loader_workers=0",
)


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer()


@pytest.fixture
def make_run(tmp_path: Path, composer: Composer) -> Callable[..., RunFolder]:
    """Prepare a run folder as the launcher does."""

    def make(store: str = "store", overrides: Sequence[str] = ()) -> RunFolder:
        composed = composer.compose([*TINY, *overrides])
        run = Store(tmp_path / store).prepare(composed.cell, composed.choices)
        write_json(
            run.job, {"launch": plain(composed.launch), "on": "local", "submitted_at": "2026-01-01T00:00:00+00:00"}
        )
        return run

    return make


@pytest.fixture
def train() -> Callable[..., None]:
    """Make one attempt in this process, as the worker does."""

    def go(run: RunFolder, stop: StopFlag | None = None) -> None:
        # The claim of an earlier attempt in this test is held by this very process, which lives: it is put away first.
        for claim in run.claims.glob("[0-9]*") if run.claims.is_dir() else ():
            held = claim.read_text().replace('"started": "', '"started": "before ')
            claim.write_text(held)
        claim_taken = take(run)
        assert claim_taken is not None
        attempt(RunWriter(claim_taken), stop or StopFlag())

    threads = torch.get_num_threads()
    yield go
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
