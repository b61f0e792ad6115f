"""A run that needs another one is told to wait for it, by SLURM."""

from __future__ import annotations

import random
from pathlib import Path

from an_cli.config import Composer
from an_cli.files import write_json
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.intent import Intent
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.request import JobSettings
from an_cli.launch.slurm.watcher import Watcher
from an_cli.store import Store
from tests.slurm.imagined import Imagined


def test_a_two_step_study_is_submitted_at_once_and_runs_in_order(tmp_path: Path, composer: Composer) -> None:
    cluster, store = Imagined(random.Random(0), faults=0.0), Store(tmp_path)
    backbone, detector, other = (store.run(name * 16) for name in "abc")
    for run in (backbone, detector, other):
        run.path.mkdir(parents=True)
        write_json(run.cell, {"config": None})
    launch = composer.compose(["launch=slurm"]).launch

    def tick(seconds: float) -> None:
        cluster.now += seconds

    launcher = OnSlurm(
        watcher=Watcher(store, Observer(cluster, cache=None, clock=lambda: cluster.now), accounting=True),
        terms=JobSettings(store=store, study="two", launch=launch, code=tmp_path, threads=1, max_array=10),
        scheduler=cluster,
        detach=True,
        needs={detector: [backbone]},
        pause=tick,
        clock=lambda: cluster.now,
    )
    launcher.launch([backbone, detector, other], lambda snapshot: None)
    scripts = [Intent(folder).script.read_text() for folder in store.jobs.iterdir()]
    waiting = [text for text in scripts if "--dependency" in text]
    assert len(scripts) == 2
    assert len(waiting) == 1
    assert "--dependency=afterok:100_0\n" in waiting[0]
    assert "--kill-on-invalid-dep=yes" in waiting[0]
    assert len(cluster.elements) == 3
