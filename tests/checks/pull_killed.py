"""Pull 200 runs of W&B with a command that is killed twenty times; each run must come once, with its own numbers.

    python -m tests.checks.pull_killed [--runs 200] [--kills 20] [--seed 0]

The service is the double of `tests/tracking/wandb_service.py`, which counts what it is asked. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from an_cli.store import Store
from an_cli.store.pulled import pulled_references, read_pulled
from tests.tracking.kept import HISTORY, KeptRun
from tests.tracking.wandb_service import Service, wandb_service

PROJECT = "lab/p"
EPOCHS = 90
PULL = (sys.executable, "-m", "an_cli", "pull", PROJECT, "--metric", "top1_accuracy_pct=val/acc1")


def add_runs(service: Service, number: int) -> None:
    """Runs of another program, each with its own accuracies."""
    service.kept.projects.add(("lab", "p"))
    for index in range(number):
        run = KeptRun("lab", "p", f"r{index:04d}", index + 1, name=f"run {index}", state="finished")
        rows = [{"_step": step, "val/acc1": 60 + 16 * step / EPOCHS + index / 100} for step in range(EPOCHS)]
        run.lines[HISTORY] = {step: json.dumps(row) for step, row in enumerate(rows)}
        run.summary = {**rows[-1], "loss": 1.0}
        run.raw_config = {"seed": {"value": index}}
        service.runs["lab", "p", run.id] = run


def kill_at_random(service: Service, home: Path, environment: dict[str, str], rng: random.Random) -> bool:
    """Start a pull and kill it at a random request, or a moment after it; False where it has ended by then."""
    until = len(service.requests) + rng.randrange(1, 25)
    process = subprocess.Popen(PULL, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(service.requests) < until:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.02))
    ended = process.poll() is not None
    process.kill()
    process.wait()
    return not ended


def helpers(home: Path) -> list[int]:
    """The SDK's own processes that pulls from this folder have left."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").resolve() == home and b"wandb-core" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def check(runs: int, kills: int, seed: int) -> dict[str, object]:
    rng = random.Random(seed)
    with wandb_service() as service, tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        add_runs(service, runs)
        environment = {**os.environ, **service.environment, "HOME": folder, "PYTHONPATH": str(Path.cwd())}
        killed = sum(kill_at_random(service, home, environment, rng) for _ in range(kills))
        before = len(list(pulled_references(Store(home), PROJECT)))
        end = time.monotonic() + 10
        while (left := helpers(home)) and time.monotonic() < end:
            time.sleep(0.2)
        start = time.monotonic()
        subprocess.run(PULL, cwd=home, env=environment, check=True, capture_output=True)
        last_s = time.monotonic() - start
        asked = Counter(
            json.loads(request.body)["variables"]["name"]
            for request in service.requests
            if request.operation == "RunSampledHistory"
        )
        service.requests.clear()
        subprocess.run(PULL, cwd=home, env=environment, check=True, capture_output=True)
        records = {name: read_pulled(Store(home), name) for name in pulled_references(Store(home), PROJECT)}
        right = [
            record is not None
            and record.values == {"top1_error_pct": 100 - service.runs["lab", "p", record.run[6:]].summary["val/acc1"]}
            for record in records.values()
        ]
        return {
            "runs": runs,
            "killed": killed,
            "records_after_the_kills": before,
            "records": len(records),
            "right": sum(right),
            "files": len([path for path in (home / "pulled").rglob("*") if path.is_file()]),
            "histories_asked": sum(asked.values()),
            "histories_asked_twice": sum(count > 1 for count in asked.values()),
            "last_pull_s": round(last_s, 1),
            "requests_of_a_pull_without_news": [request.operation for request in service.requests],
            "processes_left": left,
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    outcome = check(given.runs, given.kills, given.seed)
    print(json.dumps(outcome, indent=1))
    sys.exit(outcome["records"] != given.runs or outcome["right"] != given.runs or bool(outcome["processes_left"]))
