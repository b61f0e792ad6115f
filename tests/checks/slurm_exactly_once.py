"""Kill submitters at thirty points around sbatch, and let eight submit at once: one job per cell, no cell lost.

    python -m tests.checks.slurm_exactly_once [--points 30] [--crowds 3]

On the cluster of tests/slurm/cluster.sh, whose nodes are drained meanwhile, so that jobs stay and can be counted.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from an_cli.store import newest_submission
from tests.slurm.harness import LAUNCH, ROOT, Site, slurm

CROWD = 8
AFTER_SBATCH_MS = (0, 2, 5, 10, 15, 20, 30, 50, 80, 120)


def drain(state: str) -> None:
    slurm("scontrol", "update", "NodeName=n0,n1", f"State={state}", "Reason=test")


def die(site: Site, point: str) -> str:
    """Submit, and be killed at a point."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "tests.slurm.dying_submitter",
        point,
        "ablate",
        "tiny",
        "--on",
        "slurm",
        "--detach",
    ]
    done = subprocess.run(
        [*command, *LAUNCH], cwd=site.root, env=site.environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def live_per_cell(site: Site) -> Counter[str]:
    """Cell -> live jobs that would run it."""
    found: Counter[str] = Counter()
    lines = slurm("squeue", "--noheader", "--array", "--format=%j|%K").splitlines()
    for line in lines:
        name, _, task = line.partition("|")
        tasks = site.store.jobs / name.rpartition(".")[2] / "tasks"
        if tasks.is_file():
            found.update(Path(folder).name for folder in tasks.read_text().splitlines()[int(task)].split("\t"))
    return found


def count(site: Site) -> dict[str, int]:
    """Duplicates, and cells without a job, now."""
    live = live_per_cell(site)
    ids = [cell.id for cell in site.cells()]
    named = {run: newest_submission(site.store.run(run)) for run in ids}
    return {
        "duplicates": sum(live[run] > 1 for run in ids),
        "lost": sum(live[run] == 0 for run in ids),
        "unnamed": sum(submission is None for submission in named.values()),
    }


def kill_points(root: Path, wanted: int) -> dict[str, object]:
    """Die at each point in a store of its own, and let the same command come back."""
    first = Site(root / "count")
    total = int(die(first, "count").rpartition("points: ")[2].split()[0])
    first.cancel()
    numbers = wanted - len(AFTER_SBATCH_MS)
    points = [str(1 + place * (total - 1) // max(1, numbers - 1)) for place in range(numbers)]
    points += [f"sbatch+{after}" for after in AFTER_SBATCH_MS]
    bad, worst_s = [], 0.0
    for point in points:
        site = Site(root / f"point-{point}")
        die(site, point)
        begun = time.monotonic()
        site.ablate("--detach")
        worst_s = max(worst_s, time.monotonic() - begun)
        found = count(site)
        if any(found.values()):
            bad.append({"point": point, **found})
        site.cancel()
    return {"events": total, "points": len(points), "bad": bad, "slowest_return_s": round(worst_s, 1)}


def crowds(root: Path, rounds: int) -> dict[str, object]:
    """Eight commands at once on one store, several times."""
    bad = []
    for turn in range(rounds):
        site = Site(root / f"crowd-{turn}")
        all_ = [site.start("ablate", "--on", "slurm", "--detach") for _ in range(CROWD)]
        ends = [process.communicate(timeout=300) for process in all_]
        statuses = [process.returncode for process in all_]
        found = count(site)
        if any(found.values()) or any(statuses):
            bad.append({**found, "statuses": statuses, "said": [end[1][-300:] for end in ends]})
        site.cancel()
    return {"rounds": rounds, "submitters": CROWD, "bad": bad}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--crowds", type=int, default=3)
    asked = parser.parse_args()
    drain("DRAIN")
    try:
        with tempfile.TemporaryDirectory(prefix="an-cli-slurm-") as folder:
            found = {"kills": kill_points(Path(folder), asked.points), "crowds": crowds(Path(folder), asked.crowds)}
    finally:
        drain("RESUME")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    main()
