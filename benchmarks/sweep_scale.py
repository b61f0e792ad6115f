"""The simulated scale: 1,000 workers, 100,000 trials of a second each, in a scripted store.

    python -m benchmarks.sweep_scale [--repeats 5] [--sizes N ...]

Asks and tells of a search with N trials are timed for N up to 100,000 (random sampling, so that the storage is what is
timed, and TPE), and their file operations counted; then 1,000 workers are simulated as a closed queue: each works a
second and waits for its turn, which one of them has at a time. Writes `results/sweep_scale.json` and `.png`.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from an_cli.plan.searching import Assignment, Searching
from an_cli.report.figures.style import FigureFormat, draw_bytes
from benchmarks.sweep_storage import OWNER, fill
from tests.plan.surrogate import candidates, make, searching

RESULTS = Path(__file__).parent / "results"
SIZES = (100, 1_000, 10_000, 30_000, 100_000)
TPE_SIZES = (100, 1_000, 10_000)  # beyond them its own draws take seconds


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts the file operations of this process by their audit events."""
    counts: Counter[str] = Counter()
    active = [True]
    names = {"open": "open", "os.link": "link", "os.rename": "rename", "os.remove": "unlink", "os.listdir": "list"}
    names |= {"os.scandir": "list", "os.mkdir": "mkdir"}

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if active[0] and event in names:
            counts[names[event]] += 1

    sys.addaudithook(hear)
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        counts["fsync"] += 1
        fsync(descriptor)

    os.fsync = sync  # type: ignore[assignment]
    try:
        yield counts
    finally:
        active[0] = False
        os.fsync = fsync


def step(search: Searching) -> tuple[float, float]:
    """Seconds of an ask and of a tell."""
    begun = time.perf_counter()
    task = search.take(OWNER, lambda owner: False)
    asked = time.perf_counter() - begun
    assert isinstance(task, Assignment)
    make(search, task)
    begun = time.perf_counter()
    search.tell(task, OWNER)
    return asked, time.perf_counter() - begun


def measure(sampler: str, trials: int, repeats: int) -> dict[str, Any]:
    """An ask and a tell of a search that has so many trials."""
    with tempfile.TemporaryDirectory() as folder:
        search = searching(Path(folder), candidates(sampler=sampler, budget={"trials": 10**6}))
        fill(search, trials)
        step(search)
        times = [step(search) for _ in range(repeats)]
        with counted() as operations:
            search.take(OWNER, lambda owner: False)
        ask_files = dict(operations)
    return {
        "sampler": sampler,
        "trials": trials,
        "ask_s": median(asked for asked, _ in times),
        "tell_s": median(told for _, told in times),
        "file_operations_per_ask": ask_files,
    }


def simulate(workers: int, trials: int, turn_s: float, trial_s: float = 1.0) -> float:
    """Trials a second of a closed queue: workers that each work for a while, then wait for two turns."""
    ready = [(0.0, worker) for worker in range(workers)]
    heapq.heapify(ready)
    free = 0.0
    for _ in range(trials):
        at, worker = heapq.heappop(ready)
        free = max(free, at) + turn_s
        heapq.heappush(ready, (free + trial_s, worker))
    return trials / free


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    asked = parser.parse_args()
    rows = []
    for sampler, size in [("random", size) for size in asked.sizes] + [("tpe", size) for size in TPE_SIZES]:
        row = measure(sampler, size, asked.repeats) | {"load": os.getloadavg()[0]}
        rows.append(row)
        row["turn_s"] = row["ask_s"] + row["tell_s"]
        row["most_trials_per_s"] = 1 / row["turn_s"]
        row["trials_per_s_of_1000_workers"] = simulate(1000, 100_000, row["turn_s"])
        row["saturates_at_workers"] = round(1 + 1 / row["turn_s"])  # of trials that take a second
        print(json.dumps(row), flush=True)
    RESULTS.joinpath("sweep_scale.json").write_text(json.dumps(rows, indent=1) + "\n")
    RESULTS.joinpath("sweep_scale.png").write_bytes(draw_bytes(lambda: _draw(rows), FigureFormat.PNG))


def _draw(rows: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(7.0, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for sampler in ("random", "tpe"):
        mine = [row for row in rows if row["sampler"] == sampler]
        left.loglog([r["trials"] for r in mine], [1e3 * r["turn_s"] for r in mine], "o-", label=sampler)
        workers = [1, 3, 10, 30, 100, 300, 1000]
        largest = max(mine, key=lambda row: row["trials"])
        rates = [simulate(count, 20_000, largest["turn_s"]) for count in workers]
        right.loglog(workers, rates, "o-", label=f"{sampler}, {largest['trials']:,} trials")
    left.set_xlabel("trials in the study")
    left.set_ylabel("ask and tell (ms)")
    right.set_xlabel("workers, trials of 1 s")
    right.set_ylabel("trials a second")
    for axes in (left, right):
        axes.legend()
        axes.xaxis.set_major_formatter(lambda value, place: f"{value:g}")
        axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
        axes.minorticks_off()
    return figure


if __name__ == "__main__":
    main()
