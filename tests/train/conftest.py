"""Training in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from an_cli.store import RunFolder, RunWriter, take
from an_cli.train import StopFlag, attempt


@pytest.fixture
def train() -> Iterator[Callable[..., None]]:
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
