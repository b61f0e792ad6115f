"""A study of four cells with real training: one diverges, one is killed as for memory, one has lost its data.

    python -m tests.checks.four_cells

The fourth must finish, the table must say why the others did not, the exit status must say partial, and the same
command after the repair must finish those only. Prints one JSON object; exit status 1 where that is not so.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

from tests.checks.crowd import LAUNCH, start, write_study

FOLDER = [
    "data=imagenet", "data.classes=2", "data.channels=1", "data.mean=[0.5]", "data.std=[0.25]", "data.image_size=16",
    "data.resize=18", "data.train_samples=16", "data.eval_samples=8", "recipe.augment=random_resized_crop",
]  # fmt: skip
ROWS: list[dict[str, object]] = [
    {"label": "sound", "baseline": True},
    {"label": "diverging", "set": ["recipe.lr=1e30"]},
    {"label": "greedy", "set": ["recipe.epochs=400"]},
    {"label": "without data", "set": FOLDER},
]


def kill_the_greedy(folder: Path, until: threading.Event) -> None:
    """SIGKILL, as the kernel's, to every attempt at the long run."""
    killed: set[int] = set()
    while not until.wait(0.05):
        for attempts in folder.glob("studies/tiny/epochs=400*/env.jsonl"):
            for line in attempts.read_text().splitlines():
                pid = int(json.loads(line)["pid"])
                if pid not in killed:
                    killed.add(pid)
                    os.kill(pid, signal.SIGKILL)


def restore_data(folder: Path) -> None:
    for split, count in (("train", 8), ("val", 4)):
        for name in ("a", "b"):
            place = folder / "data" / "imagenet" / split / name
            place.mkdir(parents=True)
            for index in range(count):
                Image.new("L", (20, 20), color=10 * index).save(place / f"{index}.png")


def main() -> int:
    words = ("ablate", "tiny", "launch.processes=2", *LAUNCH)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder, ROWS)
        done = threading.Event()
        threading.Thread(target=kill_the_greedy, args=(folder, done), daemon=True).start()
        first = start(folder, *words)
        table, said = first.communicate()
        done.set()
        finished = sorted(path.parent.name for path in folder.glob("runs/*/result.json"))
        restore_data(folder)
        time.sleep(0.1)
        second = start(folder, *words)
        table_after, said_after = second.communicate()
        kept = [path.parent.name for path in folder.glob("runs/*/result.json") if path.parent.name in finished]
        attempts = {path.parent.name: len(path.read_text().splitlines()) for path in folder.glob("runs/*/env.jsonl")}
    checks = {
        "the first command is partial": first.returncode == 3,
        "one cell finished": len(finished) == 1,
        "the table says what diverged": "loss" in table,
        "the table says what was killed": "SIGKILL" in table,
        "the table says whose data is gone": "data" in table,
        "the second command retries three": "1 finished" in said_after and "3 to retry" in said_after,
        "what was finished ran once": [attempts[one] for one in kept] == [1],
        "what cannot be repaired stays marked": second.returncode == 3 and "SIGKILL" not in table_after,
    }
    print(json.dumps({"checks": checks, "status": [first.returncode, second.returncode]}))
    if not all(checks.values()):
        print(table, said, table_after, said_after, sep="\n", file=sys.stderr)
    return int(not all(checks.values()))


if __name__ == "__main__":
    sys.exit(main())
