"""Kill a training process fifty times at random moments; the run must end as if nothing had happened.

    python -m tests.checks.kill_fifty [--kills 50] [--signal KILL|TERM] [--seed 0]

Half of the kills wait for a file that is being written. The run is made by the warm worker, as `ablate` does it, and is
compared with an uninterrupted one: weights, metrics (all but wall-clock), per-sample bits. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from an_cli.config import compose, plain
from an_cli.files import read_json_lines, write_json
from an_cli.store import RunFolder, Store, newest_claim
from tests.tiny import TINY
from tests.warm import Warm, warm_worker

SAVE_INTERVAL_S = 0.3
EPOCHS_PER_KILL = 5


def prepare(root: Path, name: str, kills: int) -> RunFolder:
    words = (
        *TINY,
        f"recipe.epochs={EPOCHS_PER_KILL * max(kills, 3)}",
        "data.train_samples=96",
        f"launch.checkpoint_interval_s={SAVE_INTERVAL_S}",
    )
    composed = compose(words)
    run = Store(root / name).prepare(composed.cell, composed.choices)
    write_json(run.job, {"launch": plain(composed.launch), "on": "local", "submitted_at": "2026-01-01T00:00:00+00:00"})
    return run


def numbers(run: RunFolder) -> list[dict[str, object]]:
    lines, _ = read_json_lines(run.metrics)
    return [{key: value for key, value in line.items() if key != "elapsed_s"} for line in lines]


def wait_for_a_write(run: RunFolder, pid: int, end: float) -> None:
    while time.monotonic() < end and Path(f"/proc/{pid}").exists():
        for folder in (run.path, run.checkpoints):
            with contextlib.suppress(FileNotFoundError):
                if any(name.endswith(".part") for name in os.listdir(folder)):
                    return


def claimed(run: RunFolder, before: int, pid: int) -> None:
    """Wait until the new attempt has begun, so that the kill hits it and not the one before."""
    while newest_claim(run) <= before and Path(f"/proc/{pid}").exists():
        time.sleep(0.002)


def survive(warm: Warm, root: Path, *, kills: int, number: int, seed: int) -> dict[str, object]:
    """Interrupt a run many times; return figures, or raise when its end is not that of an uninterrupted run."""
    draw = random.Random(seed)
    whole, pieces = prepare(root, "whole", kills), prepare(root, "pieces", kills)
    warm.ask(whole)
    assert warm.exit() == 0, whole.log.read_text()
    took_s = read_json_lines(whole.metrics)[0][-1]["elapsed_s"]
    lost_s: list[float] = []
    done = in_a_write = 0
    while not pieces.result.exists():
        before = newest_claim(pieces)
        pid = warm.start(pieces)
        if done < kills:
            claimed(pieces, before, pid)
            time.sleep(draw.uniform(0.0, 0.8 * took_s / kills))
            if draw.random() < 0.5:
                wait_for_a_write(pieces, pid, time.monotonic() + SAVE_INTERVAL_S)
                in_a_write += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                done += 1
        status = warm.exit()
        assert status in (0, -number, 128 + number, 75), pieces.log.read_text()[-2000:]
        lost_s += _lost_s(pieces)
    _same(pieces, whole)
    return {
        "signal": signal.Signals(number).name,
        "kills": done,
        "aimed_at_a_write": in_a_write,
        "attempts": len(read_json_lines(pieces.attempts)[0]),
        "most_training_lost_s": round(max(lost_s, default=0.0), 3),
        "save_interval_s": SAVE_INTERVAL_S,
        "bit_identical": True,
    }


def _lost_s(run: RunFolder) -> list[float]:
    """Training time between the newest line of an interrupted attempt and the state it left."""
    from an_cli.train.checkpoint import saved_states

    lines = read_json_lines(run.metrics)[0]
    states = saved_states(run, "step")
    if not lines or not states or run.result.exists():
        return []
    kept = [line["elapsed_s"] for line in lines if line["step"] <= states[0].number]
    return [lines[-1]["elapsed_s"] - kept[-1]] if kept else []


def _same(run: RunFolder, other: RunFolder) -> None:
    import torch

    from an_cli.train.checkpoint import load_newest

    ours, theirs = load_newest(run), load_newest(other)
    assert ours is not None
    assert theirs is not None
    assert all(torch.equal(ours["model"][name], value) for name, value in theirs["model"].items()), "weights differ"
    assert numbers(run) == numbers(other), "metrics differ"
    assert run.per_sample.read_bytes() == other.per_sample.read_bytes(), "per-sample bits differ"
    assert run.mixture.read_bytes() == other.mixture.read_bytes(), "mixtures differ"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--signal", choices=["KILL", "TERM"], default="KILL")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        number = getattr(signal, f"SIG{asked.signal}")
        with warm_worker() as warm:
            figures = survive(warm, Path(folder), kills=asked.kills, number=number, seed=asked.seed)
        print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
