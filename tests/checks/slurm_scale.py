"""How much the cluster is asked, and how long it takes.

    python -m tests.checks.slurm_scale [--runs 10000]

Twenty trivial cells, alone and packed: seconds to submit and to finish, calls of sbatch. `status` of many submitted
runs: seconds, and calls of squeue and sacct. Prints one JSON object. For comparison: hydra's multirun with its submitit
launcher takes 15.7 s for twenty cells that do nothing, on two nodes of this kind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from an_cli.config import cell_id, compose, plain
from an_cli.launch.slurm.intent import Intent
from an_cli.store import Store
from tests.slurm.harness import ROOT, Site
from tests.tiny import TINY


def twenty(root: Path, pack: int) -> dict[str, object]:
    """Twenty cells of one epoch."""
    site = Site(root / f"pack-{pack}", epochs=2, seeds=range(5))
    begun = time.monotonic()
    said = site.ablate("--detach", f"launch.pack={pack}")
    submitted_s = time.monotonic() - begun
    site.ablate()
    calls = re.search(r"submitted 20 cells in (\d+) calls", said)
    assert calls is not None, said
    finished_s = time.monotonic() - begun
    return {
        "pack": pack,
        "submit_s": round(submitted_s, 1),
        "finish_s": round(finished_s, 1),
        "sbatch_calls": int(calls[1]),
    }


def submitted(store: Store, count: int) -> None:
    """Many runs that wait in the queue, as far as the disk is concerned."""
    tokens = [f"{place:012x}" for place in range(1 + count // 1000)]
    for token in tokens:
        Intent(store.jobs / token).announce("made-up", {})
        Intent(store.jobs / token).accept("1")
    cell = compose(TINY).cell
    for place in range(count):
        config = replace(cell, seed=place)
        run = store.run(cell_id(config))
        run.submissions.mkdir(parents=True)
        run.cell.write_text(json.dumps({"config": plain(config), "choices": {}}))
        record = {"number": 1, "token": tokens[place // 1000], "task": place % 1000, "after": []}
        (run.submissions / "1").write_text(json.dumps(record))


def status(root: Path, count: int) -> dict[str, object]:
    """`an-cli status` of many runs, against stand-ins of squeue and sacct that count their calls."""
    store, tools = Store(root / "many"), root / "tools"
    submitted(store, count)
    tools.mkdir()
    rows = "".join(f"1|{n % 1000}|made-up.{n // 1000:012x}|PENDING||N/A|Priority\n" for n in range(count))
    (tools / "rows").write_text(rows)
    for name, answer in (("squeue", f"cat {tools}/rows"), ("sacct", "true")):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >> {tools}/calls\n{answer}\n")
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "an_cli", "status", "--json", "--store", str(store.root)]
    taken = []
    for turn in range(4):
        environment["AN_CLI_CACHE"] = str(root / f"cache-{turn}")
        begun = time.monotonic()
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=root)
        taken.append(time.monotonic() - begun)
    cells = json.loads(said.stdout)["cells"]
    assert {cell["status"] for cell in cells} == {"queued"}, cells[0]
    assert len(cells) == count
    calls = (tools / "calls").read_text().splitlines()
    return {"runs": count, "seconds": round(min(taken), 2), "calls_each": len(calls) / len(taken)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--skip-cells", action="store_true", help="only status")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="an-cli-slurm-") as folder:
        root = Path(folder)
        found: dict[str, object] = {"status": status(root, asked.runs)}
        if not asked.skip_cells:
            found["cells"] = [twenty(root, pack) for pack in (1, 5)]
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
