"""A study mirrored while it runs, to W&B online, to W&B's files and to TensorBoard: all that is shown equals the store.

    python -m tests.checks.tracking_demo [--study demo|tiny] [--trackers online offline tensorboard] [--store DIR]

Each tracker gets a study of its own from an empty folder; with `--store`, a copy of what ran there is sent by `sync`.
What is shown is read back by each tracker's own reader (the double of the service, `wandb leet inspect` and a reader of
the file's records, TensorBoard's event reader) and compared with the run folders: head, nested config, every point,
summary, end, pictures, artifact. Prints a JSON line for each; exit status 1 on any difference.
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
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from shutil import copytree

from an_cli.store import RunFolder, Store
from tests.checks.crowd import LAUNCH, ROOT, ROWS, write_study
from tests.tracking.compared import differences, recorded_points
from tests.tracking.kept import KeptRun
from tests.tracking.shown import Shown, of_events, of_kept, of_offline
from tests.tracking.wandb_file import leet_summary
from tests.tracking.wandb_service import wandb_service

MAIN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from an_cli.cli.__main__ import main; sys.exit(main())"


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's, without its user's W&B settings and home."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return {**clean, "HOME": str(home), **more}


def command(folder: Path, verb: str, study: str, own: Mapping[str, str], *words: str) -> str:
    """Run or send a study in a folder, to its end; returns what is printed."""
    launch = LAUNCH if study == "tiny" else []
    line = [sys.executable, "-c", MAIN, verb, study, *launch, *words]
    done = subprocess.run(line, cwd=folder, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(store: Store, study: str) -> dict[str, tuple[str, RunFolder]]:
    """Run id -> its label in a study, and its folder."""
    found = {}
    for link in (store.studies / study).iterdir():
        if link.is_symlink():
            run = RunFolder(link.resolve())
            found[run.id] = (link.name, run)
    return found


def shown_online(runs: Mapping[str, KeptRun], run: RunFolder) -> tuple[Shown, list[str]]:
    kept = runs[run.id]
    (artifact,) = [each for each in kept.artifacts if each.type == "run"]
    own = {path.name: path.read_bytes() for path in (run.result, run.per_sample, run.mixture)}
    return of_kept(kept), [] if artifact.files == own else [f"artifact: {sorted(artifact.files)}"]


def shown_offline(store: Store, run: RunFolder, own: Mapping[str, str]) -> tuple[Shown, list[str]]:
    (folder,) = store.root.glob(f"wandb/offline-run-*-{run.id}")
    (path,) = folder.glob("*.wandb")
    shown, viewer = of_offline(path), leet_summary(path, own)
    wrong = [
        f"leet: {key} is {viewer[key]}"
        for key, wanted in {
            "state": "finished", "exit_code": 0, "config": shown.config, "step": shown.points[-1][0],
        }.items()
        if viewer[key] != wanted
    ]  # fmt: skip
    return shown, wrong


def shown_board(store: Store, study: str, label: str) -> tuple[Shown, list[str]]:
    place = store.root / "tensorboard" / study / re.sub(r"[^\w.+=,@()-]+", "_", label)
    assert len(list(place.glob("events.*"))) == 1, place
    return of_events(place, label), []


def mirrored(root: Path, study: str, tracker: str, made: Path | None = None) -> dict[str, object]:
    """Run a study with one tracker, or send one that was `made`; returns figures, and what differs."""
    folder, home = root / tracker, root / f"home-{tracker}"
    folder.mkdir(parents=True)
    home.mkdir()
    if made:
        for name in ("runs", "studies", ".an-cli"):
            copytree(made / name, folder / name, symlinks=True)
    elif study == "tiny":
        write_study(folder, ROWS)
    started, store = time.monotonic(), Store(folder)
    with wandb_service() if tracker == "online" else nullcontext() as service:
        own = environment(home, **(service.environment if service else {}))
        if tracker == "offline":
            own |= {"WANDB_MODE": "offline"}
        words = ["launch.tracking=tensorboard"] if tracker == "tensorboard" else []
        if not made:
            command(folder, "ablate", study, own, *words)
        late = json.loads(command(folder, "sync", study, own, "--json", *words))  # what the command's end cut off
        kept = {run.id: run for run in service.runs.values()} if service else {}
    wrong, points = [], 0
    for run_id, (label, run) in sorted(rows(store, study).items()):
        match tracker:
            case "online":
                shown, more = shown_online(kept, run)
            case "offline":
                shown, more = shown_offline(store, run, own)
            case _:
                shown, more = shown_board(store, study, label)
        points += len(recorded_points(run))
        single = tracker == "tensorboard"
        found = [*more, *differences(run, shown, study=study, label=label, in_single=single)]
        wrong += [f"{run_id} {label}: {each}" for each in found]
    sent_later = sum(run["state"] == "sent" for run in late["runs"])
    figures = {
        "sent by sync": sent_later,
        "runs": len(rows(store, study)),
        "points": points,
        "seconds": round(time.monotonic() - started, 1),
    }
    return {"tracker": tracker, **figures, "differences": wrong}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", choices=["demo", "tiny"], default="demo")
    parser.add_argument("--trackers", nargs="+", default=["online", "offline", "tensorboard"])
    parser.add_argument("--store", type=Path, help="of a study that has run")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = []
        for tracker in asked.trackers:
            figures.append(mirrored(Path(name), asked.study, tracker, asked.store))
            print(json.dumps(figures[-1]), flush=True)
    return int(any(each["differences"] or not each["points"] for each in figures))


if __name__ == "__main__":
    sys.exit(main())
