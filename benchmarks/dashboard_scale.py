"""The dashboard of a large store: how long it is read, how large the page is, how soon it is seen and answers.

    python benchmarks/dashboard_scale.py [--runs 10000] [--epochs 100] [--keep FOLDER]

Writes a made-up store of studies with seeds, builds the page, opens it from file:// in headless Chromium (left out
where there is none), and prints one JSON object. Times are of this machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import platform
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from an_cli.config import CellConfig, cell_id, compose, plain
from an_cli.config.schema import Gate, Squeeze
from an_cli.report.page import Reader, make_page, snapshot
from an_cli.store import Store, commit
from tests.browser import Browser, find_chromium, open_browser

SEEDS, PER_STUDY = 4, 500


def make_store(root: Path, runs: int, epochs: int) -> Store:
    """A store of studies in which gate, squeeze, learning rate and seed vary; one run in twenty still waits."""
    store, draws = Store(root), random.Random(0)
    composed = compose(["model=resnet50", "norm=an_bn", "recipe=vanilla", "data=imagenet"])
    (store.root / "studies").mkdir(parents=True)
    for index in range(runs):
        config = vary(composed.cell, index)
        folder = store.run(cell_id(config)).path
        folder.mkdir(parents=True)
        (folder / "cell.json").write_text(json.dumps({"config": plain(config), "choices": dict(composed.choices)}))
        link(store, index, config, folder)
        if index % 20:
            write_numbers(folder, epochs, draws)
    return store


def vary(cell: CellConfig, index: int) -> CellConfig:
    """The cell of a number: seeds fastest, then gates, squeezes and learning rates."""
    rest, seed = divmod(index, SEEDS)
    rest, gate = divmod(rest, len(Gate))
    lr, squeeze = divmod(rest, len(Squeeze))
    assert cell.norm.attention is not None
    attention = dataclasses.replace(cell.norm.attention, gate=list(Gate)[gate], squeeze=list(Squeeze)[squeeze])
    norm = dataclasses.replace(cell.norm, attention=attention)
    recipe = dataclasses.replace(cell.recipe, lr=round(0.01 + lr * 0.001, 6))
    return dataclasses.replace(cell, norm=norm, recipe=recipe, seed=seed)


def link(store: Store, index: int, config: CellConfig, folder: Path) -> None:
    study = store.studies / f"study{index // PER_STUDY:03d}"
    study.mkdir(exist_ok=True)
    assert config.norm.attention is not None
    attention = config.norm.attention
    label = f"squeeze={attention.squeeze},gate={attention.gate},lr={config.recipe.lr},seed={config.seed}"
    (study / label).symlink_to(f"../../runs/{folder.name}")


def write_numbers(folder: Path, epochs: int, draws: random.Random) -> None:
    """Metrics of all epochs, an attempt and a result."""
    final, lines = draws.gauss(23, 0.7), []
    for epoch in range(epochs):
        error = final + 70 * math.exp(-6 * epoch / epochs) + draws.gauss(0, 0.4)
        losses = {"eval_loss": error / 24 + draws.random() / 9, "loss": error / 17 + draws.random() / 9}
        errors = {"top1_error_pct": round(error * 500) / 500, "top5_error_pct": round(error * 100) / 500}
        steps = {"step": (epoch + 1) * 5004, "steps": epochs * 5004, "elapsed_s": epoch * 610.25, "lr": 0.1}
        lines.append({"kind": "epoch", "epoch": epoch, "epochs": epochs, **losses, **errors, **steps})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    last = {key: lines[-1][key] for key in ("epoch", "top1_error_pct", "top5_error_pct")}
    evaluation = {**last, "loss": lines[-1]["eval_loss"], "samples": 50_000}
    made = {"code_tree": "0123456789abcdef", "device": "NVIDIA V100"}
    counted = {"macs": 4_089_300_000, "params": 25_755_420, "steps": epochs * 5004, "train_s": epochs * 610.25}
    data = {"attempt": 1, "data_fingerprint": "fedcba9876543210"}
    result = {**made, **counted, **data, "best": evaluation, "last": evaluation}
    (folder / "result.json").write_text(json.dumps(result))
    started = {"started_at": "2026-01-01T00:00:00+00:00", "host": "node", "pid": 1, "python": "3.11", "torch": "2.15"}
    prints = {"train_fingerprint": "a" * 64, "eval_fingerprint": "b" * 64}
    attempt = {**made, **started, **prints, "attempt": 1, "commit": None, "cpu_threads": 4, "resumed_step": 0}
    (folder / "env.jsonl").write_text(json.dumps(attempt) + "\n")


def measure(root: Path, runs: int, epochs: int) -> dict[str, Any]:
    start = time.perf_counter()
    store = make_store(root / "store", runs, epochs)
    wrote = time.perf_counter()
    reader = Reader(store)
    records = reader.records()
    read = time.perf_counter()
    page = make_page(snapshot(reader), at="now", runs_at="store/runs")
    built = time.perf_counter()
    snapshot(reader)
    again = time.perf_counter()
    path = root / "dashboard.html"
    path.write_text(page)
    found = {
        "runs": len(records),
        "epochs": epochs,
        "store_written_s": round(wrote - start, 2),
        "store_read_s": round(read - wrote, 2),
        "page_built_s": round(built - read, 2),
        "live_read_again_s": round(again - built, 2),
        "page_mb": round(path.stat().st_size / 1e6, 2),
    }
    if find_chromium() is None:
        return {**found, "browser": None}
    with open_browser() as browser:
        return {**found, **watch(browser, path)}


def watch(browser: Browser, path: Path) -> dict[str, Any]:
    """Open the page and use it; milliseconds from the event to the second frame after it."""
    browser.size(1440, 900)
    browser.open(path.as_uri())
    marks = browser.run(
        "Object.fromEntries([...performance.getEntriesByType('paint'), ...performance.getEntriesByName('drawn')]"
        ".map((one) => [one.name, Math.round(one.startTime)]))"
    )
    sort = "document.querySelector('[data-sort=\"last_top1_error_pct\"]').click()"
    type_ = "(() => { const f = document.getElementById('filter'); f.value = 'gate=softmax last<23.5';"
    filter_ = type_ + " f.dispatchEvent(new Event('input')); })()"
    steps = {
        "sort_ms": sort,
        "filter_ms": filter_,
        "compare_12_ms": "for (let i = 0; i < 12; i++) document.querySelectorAll('#grid .row input')[i].click()",
        "scroll_ms": "document.getElementById('grid').scrollTop = 1e6",
        "study_ms": "document.querySelectorAll('.card')[3].click()",
    }
    times = {name: timed(browser, step) for name, step in steps.items()}
    lines = browser.run("document.querySelectorAll('#right .line').length")
    assert lines == 12, f"{lines} curves"
    return {
        "first_paint_ms": marks.get("first-contentful-paint"),
        "rows_drawn_ms": marks["drawn"],
        **times,
        "rows_in_the_page": browser.run("document.querySelectorAll('#grid .row').length"),
        "heap_mb": round(browser.call("Runtime.getHeapUsage")["usedSize"] / 1e6, 1),
        "network_requests": len([one for one in browser.requests if not one.startswith(("file:", "data:"))]),
    }


def timed(browser: Browser, step: str) -> int:
    frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    timing = f"const t = performance.now(); {step}; await {frames}; return performance.now() - t;"
    return round(browser.run(f"(async () => {{ {timing} }})()"))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--runs", type=int, default=10_000)
    words.add_argument("--epochs", type=int, default=100)
    words.add_argument("--keep", type=Path, help="where to leave the store and the page")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = given.keep or Path(folder)
        found = measure(root, given.runs, given.epochs)
    where = {"python": platform.python_version(), "processor": platform.machine(), "cores": os.cpu_count()}
    print(json.dumps({"commit": commit(), **found, "load": round(os.getloadavg()[0], 1), **where}, indent=1))


if __name__ == "__main__":
    main()
