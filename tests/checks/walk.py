"""How many files a reader enters to follow two things through the house: `python -m tests.checks.walk [--json]`.

A row of a study from its file to a LaTeX cell, and a state of SLURM to a line of `status`. Each is really done, under a
tracer, on a small store; printed are the modules of the package whose functions ran, in the order of their first call.
Imports do not count, nor the bodies of classes: only calls of functions. Fewer files are a shorter walk.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from inspect import CO_OPTIMIZED
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from an_cli.store import Store
from tests.launch.fake_door import finish

PACKAGE = Path(__file__).parents[2] / "an_cli"
STUDY = {
    "title": "Walked",
    "base": ["model=resnet_small", "recipe=demo", "data=fashion_mnist_small"],
    "rows": [{"label": "BN", "set": ["norm=bn"], "baseline": True}, {"label": "AN"}],
}


def entered(do: Callable[[], object]) -> list[str]:
    """Modules of the package whose functions are called, in the order of their first call."""
    seen: dict[str, None] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & CO_OPTIMIZED and code.co_filename.startswith(str(PACKAGE)):
            seen.setdefault(Path(code.co_filename).relative_to(PACKAGE).as_posix(), None)

    sys.setprofile(trace)
    try:
        do()
    finally:
        sys.setprofile(None)
    return list(seen)


def from_study_to_latex(folder: Path) -> list[str]:
    """`an-cli report STUDY --format latex` of a study whose runs are there."""
    from an_cli.plan import load_study, make_plan

    for cell in make_plan(load_study("walked")).cells:
        run = Store(folder).prepare(cell.config, cell.choices)
        finish(run)
    return _verb("report", "walked", "--format", "latex")


def from_slurm_to_status(folder: Path) -> list[str]:
    """`an-cli status STUDY` of cells whose jobs wait."""
    from an_cli.config import Composer
    from an_cli.launch.slurm.observe import Observer
    from an_cli.launch.slurm.request import JobSettings, SubmissionRequest
    from an_cli.launch.slurm.submit import submit
    from an_cli.launch.slurm.watcher import Watcher
    from an_cli.plan import load_study, make_plan
    from tests.slurm.imagined import Imagined

    cluster, store = Imagined(random.Random(0), faults=0.0), Store(folder)
    runs = [store.prepare(cell.config, cell.choices) for cell in make_plan(load_study("walked")).cells]
    launch = Composer().compose(["launch=slurm"]).launch
    settings = JobSettings(store=store, study="s", launch=launch, code=folder, threads=1, max_array=10)
    submit([SubmissionRequest(run=run, number=1, after=()) for run in runs], settings, cluster)
    watcher = Watcher(store, Observer(cluster, cache=None, clock=lambda: cluster.now), accounting=True)
    with mock.patch("an_cli.launch.standing.this_cluster", return_value=watcher):
        return _verb("status", "walked")


def _verb(*words: str) -> list[str]:
    from an_cli.cli.__main__ import main

    def call() -> None:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            assert main(list(words)) == 0, words

    return entered(call)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    walks = {}
    for name, walk in (
        ("row of a study -> LaTeX", from_study_to_latex),
        ("SLURM state -> status", from_slurm_to_status),
    ):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "sweeps").mkdir()
            (folder / "sweeps" / "walked.yaml").write_text(json.dumps(STUDY))
            with chdir(folder):
                walks[name] = walk(folder)
    for name, files in walks.items():
        print(json.dumps({name: files}) if as_json else f"{name}: {len(files)} files\n  " + "\n  ".join(files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
