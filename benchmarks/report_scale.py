"""How long a table of 10,000 runs takes, in all formats: `python -m benchmarks.report_scale [--runs N] [--seeds S]`.

Writes N finished run folders to a temporary store (untimed), then times what `report` does: reading them back (records
and per-sample bits), comparing and marking the rows, writing the five files, and the terminal's text. Prints one JSON
object; exits 1 above 5 s, the promise for an idle machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy

from an_cli.config import Composer, plain
from an_cli.plan import Cell, Plan, PlanRow
from an_cli.report import Epoch, Quantity, Spec, make_table, render, write
from an_cli.store import CLASSIFICATION, Attempt, Evaluation, PerSample, Result, Store, commit
from an_cli.store.per_sample import encode
from benchmarks.synthesize import metrics

PLANES = CLASSIFICATION.planes

SAMPLES = 2000
LIMIT_S = 5.0
SPEC = Spec(
    caption=None,
    columns=(
        *(Quantity.DESIGN, Quantity.SEEDS, Quantity.PARAMS, Quantity.MACS, "top1_error_pct", "top5_error_pct"),
        *(Quantity.GAIN, Quantity.DIFFERS),
    ),
    epoch=Epoch.LAST,
    decimals=2,
)


def make_plan(rows: int, seeds: int) -> Plan:
    """Rows that differ in weight decay, one cell per seed."""
    composer = Composer()
    composed = composer.compose(["model=resnet_small", "recipe=demo", "data=fashion_mnist_small"])
    cells, lines = [], []
    for row in range(rows):
        recipe = dataclasses.replace(composed.cell.recipe, weight_decay=(row + 1) * 1e-7)
        ids = []
        for seed in range(seeds):
            config = dataclasses.replace(composed.cell, recipe=recipe, seed=seed)
            ids.append(f"{row:08x}{seed:08x}")
            cells.append(Cell(config=config, id=ids[-1], label=f"row={row},seed={seed}", choices=composed.choices))
        lines.append(
            PlanRow(
                label=f"row {row}", kind="trained", group="", baseline=row == 0, gain_over="row 0", differs=(),
                cells=tuple(ids), published=None, note="", set=(f"recipe.weight_decay={row + 1}e-7",),
            )
        )  # fmt: skip
    return Plan(study="scale", title="A large table", lineage=(), rows=tuple(lines), cells=tuple(cells))


def write_runs(plan: Plan, store: Store, epochs: int) -> None:
    """Finished runs with error rates around 20 %, their bits, and the metrics of their epochs."""
    lines = "".join(metrics(epochs))
    generator = np.random.default_rng(0)
    attempt = Attempt(
        attempt=1, started_at="2026-01-01T00:00:00+00:00", host="node", pid=1, python="3.11", torch="2",
        device="cpu", cpu_threads=1, code_tree="c0de", commit=None, train_fingerprint="7ra1n",
        eval_fingerprint="e7a1", resumed_step=0,
    )  # fmt: skip
    for cell in plan.cells:
        wrong = generator.random(SAMPLES) < generator.normal(0.2, 0.005)
        far = wrong & (generator.random(SAMPLES) < 0.1)
        planes = dict(zip(PLANES, [np.packbits(~one).tobytes() for one in (wrong, far)] * 2, strict=True))
        pct = [100 * int(one.sum()) / SAMPLES for one in (wrong, far)]
        last = Evaluation(
            epoch=3, loss=0.5, samples=SAMPLES, values={"top1_error_pct": pct[0], "top5_error_pct": pct[1]}
        )
        result = Result(
            last=last, best=last, steps=400, params=78_123, macs=12_345_678, attempt=1, train_s=9.5, code_tree="c0de",
            data_fingerprint="da7a", device="cpu",
        )  # fmt: skip
        run = store.run(cell.id)
        run.path.mkdir(parents=True)
        run.cell.write_text(json.dumps({"config": plain(cell.config), "choices": dict(cell.choices)}))
        run.attempts.write_text(json.dumps(plain(attempt)) + "\n")
        run.metrics.write_text(lines)
        run.result.write_text(json.dumps(plain(result)))
        run.per_sample.write_bytes(encode(PerSample(SAMPLES, "e7a1", planes)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    asked = parser.parse_args()
    plan = make_plan(asked.runs // asked.seeds, asked.seeds)
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        write_runs(plan, store, asked.epochs)
        start, cpu = time.perf_counter(), time.process_time()
        table = make_table(plan, store, {}, SPEC)
        taken["table_s"] = time.perf_counter() - start
        written = write(table, store)
        taken["files_s"] = time.perf_counter() - start - taken["table_s"]
        shown = render(table, "terminal")
        taken["all_s"] = time.perf_counter() - start
        taken["all_cpu_s"] = time.process_time() - cpu
        sizes = {path.suffix[1:]: path.stat().st_size for path in written} | {"terminal": len(shown.encode())}
    seconds = {name: round(one, 2) for name, one in taken.items()}
    print(
        json.dumps(
            {
                "commit": commit(),
                "runs": len(plan.cells),
                "seeds": asked.seeds,
                "epochs": asked.epochs,
                **seconds,
                "load": round(os.getloadavg()[0], 1),
                "bytes": sizes,
                "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__},
                "processor": platform.machine(),
                "cores": os.cpu_count(),
            },
            indent=1,
        )
    )
    return 0 if taken["all_s"] < LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
