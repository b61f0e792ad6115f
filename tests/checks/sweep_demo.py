"""`an-cli sweep attention_demo` from nothing to its report: pauses, promotions, importances, the winner's re-run.

    python -m tests.checks.sweep_demo [--folder DIR]

Prints JSON with the seconds that it took, and the processor's; on two idle cores less than eight minutes. A folder that
has the search already is continued.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from an_cli.store import Store, status_of
from tests.slurm.harness import ROOT, attempts_of

COMMAND = [sys.executable, "-P", "-m", "an_cli"]


def check(folder: Path) -> dict[str, Any]:
    """Search, and look at what came of it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begun = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "sweep", "attention_demo", "--json"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    seconds, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    report, store = json.loads(done.stdout), Store(folder)
    runs = [store.run(run_id) for run_id in store.run_ids()]
    paused = [run for run in runs if status_of(run).value == "paused"]
    promoted = [run for run in runs if run.result.exists() and len(attempts_of(run)) > 1]
    assert sum(report["counts"].values()) >= 16
    assert paused
    assert promoted
    assert sum(report["importances"]["top1_error_pct"].values()) > 0.99
    winner = report["rows"][0]
    assert winner["reported"][0]["seeds"] == 3
    return {
        "trials": report["counts"],
        "paused": len(paused),
        "promoted": len(promoted),
        "winner_selected_pct": winner["selected"][0]["mean"],
        "winner_reported_pct": winner["reported"][0]["mean"],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.folder is not None:
        print(json.dumps(check(asked.folder), indent=1))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(check(Path(folder)), indent=1))


if __name__ == "__main__":
    main()
