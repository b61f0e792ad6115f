"""Tables 2 and 3 in small, from an empty folder to the printed table: every family with BN and with AN.

    python -m tests.checks.small_tables [STUDY ...]

Fails where a cell is missing or has not learned. Prints one JSON object; its seconds are those of this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from tests.slurm.harness import ROOT

CHANCE_PCT = 90.0  # of ten classes of equal size
LEARNED_PCT = 45.0  # half of that


def tabulate(study: str) -> tuple[dict[str, Any], float]:
    """A study's table as JSON, and the seconds from nothing to it."""
    with tempfile.TemporaryDirectory(prefix="an-cli-small-") as folder:
        begun = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "an_cli", "ablate", study, "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(ended.stdout), time.monotonic() - begun


def main(studies: list[str]) -> None:
    found = {}
    for study in studies or ["table2_small", "table3_small"]:
        table, seconds = tabulate(study)
        errors = {row["label"]: row["top1_error_pct"]["mean"] for row in table["rows"]}
        for label, error in errors.items():
            assert error is not None, f"{study}: {label} has no number"
            assert error < LEARNED_PCT, f"{study}: {label} errs on {error} %, chance on {CHANCE_PCT:.0f} %"
        found[study] = {"seconds": round(seconds, 1), "top1_error_pct": errors}
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
