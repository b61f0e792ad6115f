"""Eight `an-cli ablate` of one study at once on an empty store, with real training: every cell must run once.

    python -m tests.checks.crowd [--commands 8]

Prints one JSON object; exit status 1 when a cell ran twice, or the commands do not print the same table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from an_cli.files import dump_yaml
from tests.tiny import TINY

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    {"label": "hsigmoid", "baseline": True},
    {"label": "softmax", "set": ["norm.attention.gate=softmax"]},
    {"label": "mean", "set": ["norm.attention.squeeze=mean"]},
    {"label": "a1", "set": ["norm.attention.head=a1"]},
]
LAUNCH = [word for word in TINY if word.startswith("launch.")]


def write_study(folder: Path, rows: list[dict[str, object]]) -> None:
    base = [word for word in TINY if word not in LAUNCH]
    (folder / "sweeps").mkdir()
    (folder / "sweeps" / "tiny.yaml").write_text(dump_yaml({"title": "Tiny", "base": base, "rows": rows}))


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """One command line in a folder, as from a terminal of its own."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from an_cli.cli.__main__ import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--commands", type=int, default=8)
    commands = parser.parse_args().commands
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, ROWS)
        crowd = [start(folder, "ablate", "tiny", "seed=0,1", "launch.processes=2", *LAUNCH) for _ in range(commands)]
        said = [one.communicate() for one in crowd]
        attempts = [len(path.read_text().splitlines()) for path in folder.glob("runs/*/env.jsonl")]
    found = {
        "commands": commands,
        "exit_statuses": [one.returncode for one in crowd],
        "cells": len(attempts),
        "attempts": sum(attempts),
        "tables": len({out for out, _ in said}),
        "seconds": round(time.monotonic() - started, 1),
    }
    good = attempts == [1] * 8 and found["tables"] == 1 and not any(one.returncode for one in crowd)
    print(json.dumps(found))
    if not good:
        print(*(err for _, err in said), sep="\n", file=sys.stderr)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
