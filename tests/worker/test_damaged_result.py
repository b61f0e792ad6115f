"""A finished run whose result is damaged is continued from its last checkpoint, to the same numbers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from an_cli.store import RunFolder, Status, read_result, status_of
from an_cli.store.digests import damages
from tests.warm_door import warm_door


def attempt(run: RunFolder) -> None:
    done = subprocess.run([*warm_door(), "run", str(run.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_damaged_result_is_written_anew(make_run: Callable[..., RunFolder]) -> None:
    run = make_run(overrides=["recipe.epochs=2"])
    attempt(run)
    before, bits = read_result(run), run.per_sample.read_bytes()
    run.result.write_bytes(run.result.read_bytes()[:-40])
    assert status_of(run) is Status.UNREADABLE
    attempt(run)
    after = read_result(run)
    assert (after.last, after.best, after.steps) == (before.last, before.best, before.steps)
    assert (run.per_sample.read_bytes(), damages(run)) == (bits, [])
    assert after.attempt == before.attempt + 1
