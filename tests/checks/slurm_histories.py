"""Seeded histories of commands that die and a cluster that lies; what must hold, holds in each.

    python -m tests.checks.slurm_histories [--histories 1000] [--first 0]

Prints one JSON object; exit 1 when anything was broken, with the seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from an_cli.config import compose
from tests.slurm.histories import History


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    launch, begun = compose(["launch=slurm"]).launch, time.monotonic()
    broken: dict[int, list[str]] = {}
    totals = {"commands": 0, "calls": 0, "jobs": 0, "duplicates_seen": 0}
    for seed in range(asked.first, asked.first + asked.histories):
        with tempfile.TemporaryDirectory(
            prefix="history-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        ) as folder:
            history = History(seed, Path(folder), launch)
            history.live()
        if history.broken:
            broken[seed] = sorted(set(history.broken))
        totals["commands"] += history.commands
        totals["calls"] += len(history.cluster.calls)
        totals["jobs"] += len(history.cluster.elements)
        totals["duplicates_seen"] += history.duplicates
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({"histories": asked.histories, **totals, "seconds": seconds, "broken": broken}, indent=1))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
