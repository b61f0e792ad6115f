"""What a mirror costs a step of training: pairs of runs, with W&B's mirror and without, in turns.

    python -m benchmarks.mirror_step [--pairs 8] [--epochs 8]

Each run gives the median time between its recorded steps; each pair a ratio. Prints the median ratio with the 95 %
interval of a bootstrap over pairs, one JSON object. The service is a double on the loopback interface, which takes a
core's time as well: a real one takes none.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from an_cli.files import read_json_lines
from an_cli.store import Store
from tests.checks.tracking_demo import MAIN, environment
from tests.tiny import TINY
from tests.tracking.wandb_service import wandb_service

CELL = (*TINY, "model.widths=[16,16,32,32]", "data.image_size=28", "data.train_samples=1600", "recipe.cpu_threads=1")


def median_step_s(folder: Path, own: Mapping[str, str], epochs: int, *words: str) -> float:
    """Train the cell in a folder of its own; the median seconds of a step, within epochs."""
    folder.mkdir()
    command = [sys.executable, "-c", MAIN, "run", *CELL, f"recipe.epochs={epochs}", *words]
    done = subprocess.run(command, cwd=folder, env=dict(own), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (run_id,) = Store(folder).run_ids()
    lines = [line for line in read_json_lines(Store(folder).run(run_id).metrics)[0] if line["kind"] == "step"]
    pairs = [(a, b) for a, b in itertools.pairwise(lines) if a["epoch"] == b["epoch"]]
    return statistics.median((b["elapsed_s"] - a["elapsed_s"]) / (b["step"] - a["step"]) for a, b in pairs)


def interval(ratios: list[float], draws: int = 10_000) -> tuple[float, float]:
    """95 % interval of the median of some ratios."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(draws))
    return medians[draws // 40], medians[-draws // 40]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=8)
    asked = parser.parse_args()
    ratios, steps = [], []
    with tempfile.TemporaryDirectory() as name, wandb_service() as service:
        root = Path(name)
        (root / "home").mkdir()
        own = environment(root / "home", **service.environment)
        for pair in range(asked.pairs):
            times = {}
            for kind in ("none", "wandb") if pair % 2 else ("wandb", "none"):
                times[kind] = median_step_s(root / f"{pair}-{kind}", own, asked.epochs, f"launch.tracking={kind}")
            ratios.append(times["wandb"] / times["none"])
            steps.append(times["none"])
            print(json.dumps({"pair": pair, "ratio": round(ratios[-1], 4)}), file=sys.stderr, flush=True)
    low, high = interval(ratios)
    figures = {"step_ms": round(1000 * statistics.median(steps), 2), "ratio": round(statistics.median(ratios), 4)}
    print(json.dumps({**figures, "interval": [round(low, 4), round(high, 4)], "pairs": asked.pairs}))


if __name__ == "__main__":
    main()
