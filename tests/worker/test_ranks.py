"""Several ranks train one run: the same weights as one process, and no rank outlives another's death."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from an_cli.store import RunFolder, Status, read_run, status_of
from an_cli.train.checkpoint import load_newest
from tests.warm import Warm, wait_for

TWO = ("recipe.replicas=2", "recipe.batch_per_replica=5", "recipe.precision=fp64", "recipe.epochs=5", "norm=an_bn")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_two_replicas_give_the_same_weights_in_one_process_and_in_two(
    warm: Warm, make_run: Callable[..., RunFolder]
) -> None:
    one, two = make_run("one", TWO), make_run("two", [*TWO, "launch.ranks=2"])
    assert one.id == two.id, "ranks are logistics"
    warm.ask(one)
    warm.ask(two)
    statuses = [warm.exit(), warm.exit()]
    assert statuses == [0, 0], one.log.read_text() + two.log.read_text()
    ours, theirs = load_newest(one), load_newest(two)
    assert ours is not None
    assert theirs is not None
    assert ours["step"] == theirs["step"] == 20
    for name, value in ours["model"].items():
        torch.testing.assert_close(theirs["model"][name], value, rtol=1e-10, atol=1e-10)
    assert one.per_sample.read_bytes() == two.per_sample.read_bytes()
    lines = [(line["top1_error_pct"], line["lr"]) for line in read_run(one).epochs]
    assert lines == [(line["top1_error_pct"], line["lr"]) for line in read_run(two).epochs]
    for one_line, two_line in zip(read_run(one).epochs, read_run(two).epochs, strict=True):
        assert two_line["loss"] == pytest.approx(one_line["loss"], rel=1e-9)
        assert two_line["eval_loss"] == pytest.approx(one_line["eval_loss"], rel=1e-9)


@pytest.mark.parametrize("rank", [0, 1])
def test_killing_either_rank_ends_the_attempt_and_the_next_one_continues(
    warm: Warm, make_run: Callable[..., RunFolder], rank: int
) -> None:
    run = make_run("killed", [*TWO, "launch.ranks=2", "recipe.epochs=16"])
    supervisor = warm.start(run)
    wait_for(lambda: len(read_run(run).epochs) >= 2)
    os.kill(sorted(children(supervisor))[rank], signal.SIGKILL)
    assert warm.exit() == 128 + signal.SIGKILL
    assert status_of(run) is Status.INTERRUPTED
    warm.ask(run)
    assert warm.exit() == 0, run.log.read_text()
    attempts = read_run(run).attempts
    assert len(attempts) == 2
    assert attempts[1].resumed_step > 0
    assert [line["epoch"] for line in read_run(run).epochs] == list(range(16))


def test_a_stop_signal_reaches_all_ranks_and_the_state_is_saved(warm: Warm, make_run: Callable[..., RunFolder]) -> None:
    run = make_run("stopped", [*TWO, "launch.ranks=2", "recipe.epochs=2000"])
    supervisor = warm.start(run)
    wait_for(lambda: read_run(run).epochs)
    os.kill(supervisor, signal.SIGTERM)
    assert warm.exit() == 128 + signal.SIGTERM
    assert status_of(run) is Status.INTERRUPTED


def test_ranks_must_divide_the_replicas(warm: Warm, make_run: Callable[..., RunFolder]) -> None:
    run = make_run("odd", [*TWO, "launch.ranks=3"])
    warm.ask(run)
    assert warm.exit() == 1
    assert "2 replicas on 3 processes" in (read_run(run).error or "")
