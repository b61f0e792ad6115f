"""The whole demo on the test cluster, and here: the same table, the same bits.

    python -m tests.checks.slurm_demo [STUDY] [KEY=VALUE ...]

Takes the demo's own time twice. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from an_cli.store import Store
from tests.slurm.harness import ROOT, assert_one_writer, assert_same_bits

ON_SLURM = ("--on", "slurm", "launch.gpus_per_node=0", "launch.cpus_per_task=1", "launch.time_min=120")


def ablate(folder: Path, *words: str) -> float:
    """One command in a folder of its own; returns its seconds."""
    folder.mkdir()
    begun = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AN_CLI_CACHE": str(folder / "cache")}
    subprocess.run([sys.executable, "-P", "-m", "an_cli", "ablate", *words], cwd=folder, env=environment, check=True)
    return round(time.monotonic() - begun, 1)


def main(words: list[str]) -> None:
    study, *overrides = words or ["demo"]
    with tempfile.TemporaryDirectory(prefix="an-cli-slurm-") as folder:
        there, here = Path(folder) / "there", Path(folder) / "here"
        seconds = {"slurm_s": ablate(there, study, *overrides, *ON_SLURM), "local_s": ablate(here, study, *overrides)}
        ids = Store(here).run_ids()
        assert ids == Store(there).run_ids()
        for run_id in ids:
            assert_same_bits(Store(there).run(run_id), Store(here).run(run_id))
            assert_one_writer(Store(there).run(run_id))
        table = Path("reports/build") / f"{study}.md"
        assert (there / table).read_text() == (here / table).read_text()
    print(json.dumps({"study": study, "cells": len(ids), **seconds, "same_bits": True, "same_table": True}))


if __name__ == "__main__":
    main(sys.argv[1:])
