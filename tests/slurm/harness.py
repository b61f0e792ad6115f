"""A study on the test cluster: its folder, its commands, and how to hurt its jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from an_cli.files import dump_yaml, read_json_lines
from an_cli.plan import Cell, load_study, make_plan
from an_cli.store import RunFolder, Store, read_holder, read_result
from an_cli.train.checkpoint import load_best, load_newest
from tests.tiny import TINY

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("cluster.sh")
# What a cell of a test asks of the cluster.
LAUNCH = (
    "launch.gpus_per_node=0",
    "launch.cpus_per_task=1",
    "launch.time_min=10",
    "launch.device=cpu",
    "launch.loader_workers=0",
    "launch.checkpoint_interval_s=1.0",
)
FOUR = (
    ("rsd",),
    ("mean", "norm.attention.squeeze=mean"),
    ("a1", "norm.attention.head=a1"),
    ("softmax", "norm.attention.gate=softmax"),
)


def cluster(*words: str) -> None:
    """Call cluster.sh."""
    subprocess.run(["bash", str(SCRIPT), *words], check=True, timeout=120)


def slurm(*words: str) -> str:
    """Call one of SLURM's commands."""
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def wait_until(true: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    """Wait for something that happens elsewhere."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.1)


@dataclass
class Site:
    """A user's folder with one study in it, and a store."""

    root: Path
    epochs: int = 3
    rows: Sequence[Sequence[str]] = FOUR
    seeds: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        (self.root / "sweeps").mkdir(parents=True, exist_ok=True)
        base = [word for word in TINY if not word.startswith(("launch.", "recipe.epochs"))]
        rows = [
            {"label": label, "set": list(words), "baseline": place == 0}
            for place, (label, *words) in enumerate(self.rows)
        ]
        study = {
            "title": "Tiny",
            "base": [*base, f"recipe.epochs={self.epochs}"],
            "seeds": list(self.seeds),
            "rows": rows,
        }
        (self.root / "sweeps" / "tiny.yaml").write_text(dump_yaml(study))

    @property
    def store(self) -> Store:
        return Store(self.root)

    @property
    def environment(self) -> dict[str, str]:
        own = {"AN_CLI_CACHE": str(self.root / "cache"), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **own}

    def start(self, verb: str, *words: str, code: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
        """Start a command on the study."""
        launch = LAUNCH if verb in ("ablate", "retry", "smoke") else ()
        command = [sys.executable, "-P", "-m", "an_cli", verb, "tiny", *launch, *words]
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.environment, "PYTHONPATH": str(code), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, verb: str, *words: str, status: int = 0, timeout: float = 300.0, **environment: str) -> str:
        """Run a command on the study to its end; returns what it printed, errors after the rest."""
        process = self.start(verb, *words, **environment)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == status, f"{verb} {words}: exit {process.returncode}\n{out}\n{err}"
        return out + err

    def ablate(self, *words: str, **more: Any) -> str:
        """`an-cli ablate tiny --on slurm`."""
        return self.call("ablate", "--on", "slurm", *words, **more)

    def status(self) -> dict[str, dict[str, Any]]:
        """`an-cli status tiny --json`: label -> what it says."""
        process = self.start("status", "--json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return {cell["label"]: cell for cell in json.loads(out)["cells"]}

    def cells(self) -> list[Cell]:
        """The study's cells."""
        here = Path.cwd()
        os.chdir(self.root)
        try:
            return list(make_plan(load_study("tiny")).cells)
        finally:
            os.chdir(here)

    def runs(self) -> list[RunFolder]:
        """The study's run folders."""
        return [self.store.run(cell.id) for cell in self.cells()]

    def jobs(self) -> list[list[str]]:
        """Rows of squeue about this store's jobs: id, state, node, reason."""
        tokens = {path.name for path in self.store.jobs.iterdir()} if self.store.jobs.is_dir() else set()
        lines = slurm("squeue", "--noheader", "--array", "--states=all", "--format=%j|%i|%T|%N|%r").splitlines()
        rows = [line.split("|") for line in lines]
        return [row[1:] for row in rows if row[0].rpartition(".")[2] in tokens]

    def live_jobs(self) -> list[list[str]]:
        """Those that wait or run."""
        return [
            row for row in self.jobs() if row[1] in ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED")
        ]

    def cancel(self) -> None:
        """End whatever is left of this store's jobs."""
        for job, *_ in self.live_jobs():
            subprocess.run(["scancel", job], check=False, timeout=60)


def epochs_of(run: RunFolder) -> int:
    """Epochs that a run has recorded."""
    lines, _ = read_json_lines(run.metrics)
    return sum(line.get("kind") == "epoch" for line in lines)


def attempts_of(run: RunFolder) -> list[dict[str, Any]]:
    """Attempts of a run."""
    return read_json_lines(run.attempts)[0]


def worker_pid(run: RunFolder) -> int:
    """The process that holds a run's claim."""
    holder = read_holder(run)
    assert holder is not None
    return holder.pid


def assert_same_bits(run: RunFolder, other: RunFolder) -> None:
    """Two runs ended alike: weights, momentum, metrics but for the clock, numbers, per-sample bits."""
    state, expected = load_newest(run), load_newest(other)
    assert state is not None
    assert expected is not None
    assert_equal(state["model"], expected["model"])
    assert_equal(state["optimizer"], expected["optimizer"])
    assert _numbers(run) == _numbers(other)
    assert run.per_sample.read_bytes() == other.per_sample.read_bytes()
    ours, theirs = read_result(run), read_result(other)
    assert (ours.last, ours.best, ours.steps) == (theirs.last, theirs.best, theirs.steps)
    assert_equal(load_best(run, ours.best.epoch)["model"], load_best(other, theirs.best.epoch)["model"])


def assert_equal(value: Any, expected: Any) -> None:
    """Equal, tensors bit by bit."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(value, expected)
    elif isinstance(expected, dict):
        assert value.keys() == expected.keys()
        for key in expected:
            assert_equal(value[key], expected[key])
    elif isinstance(expected, list):
        for one, two in zip(value, expected, strict=True):
            assert_equal(one, two)
    else:
        assert value == expected


def _numbers(run: RunFolder) -> list[dict[str, Any]]:
    lines, skipped = read_json_lines(run.metrics)
    assert not skipped
    return [{key: value for key, value in line.items() if key != "elapsed_s"} for line in lines]


def assert_one_writer(run: RunFolder) -> None:
    """Metrics are one history: every epoch once, steps rising. Attempts are numbered once each."""
    lines, skipped = read_json_lines(run.metrics)
    steps = [line["step"] for line in lines if line["kind"] == "step"]
    epochs = [line["epoch"] for line in lines if line["kind"] == "epoch"]
    assert not skipped
    assert steps == sorted(set(steps))
    assert epochs == list(range(len(epochs)))
    numbers = [attempt["attempt"] for attempt in attempts_of(run)]
    assert numbers == sorted(set(numbers))
