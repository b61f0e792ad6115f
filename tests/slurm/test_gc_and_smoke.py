"""What the store can do without goes, what a number rests on stays; tiny cells tell tomorrow's error today."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from an_cli.config import Composer
from an_cli.launch import Door, settle
from an_cli.launch.ask.smoke import smoke
from an_cli.launch.slurm.intent import Intent
from an_cli.launch.upkeep.gc import OLD_S, find_strippable, find_waste, remove, strip
from an_cli.plan import Cell
from an_cli.store import RunFolder, Store, Submission, take_submission
from an_cli.store.digests import damages
from an_cli.train.checkpoint import load_newest
from tests.launch.fake_door import finish
from tests.tiny import TINY
from tests.warm_door import warm_door


def old(path: Path) -> None:
    then = time.time() - 2 * OLD_S
    for one in [*path.rglob("*"), path]:
        os.utime(one, (then, then))


def submitted(store: Store, token: str, run: RunFolder) -> Intent:
    intent = Intent(store.jobs / token)
    intent.announce("s", {})
    intent.prepare("#!/bin/bash\n", [[run]])
    intent.accept("1")
    take_submission(run, Submission(number=1, token=token, task=0, after=()))
    return intent


def test_only_what_nothing_needs_is_found(make_run: Callable[..., RunFolder]) -> None:
    done, open_run = make_run(), make_run(overrides=["seed=1"])
    store = Store(done.path.parent.parent)
    over, going = submitted(store, "a" * 12, done), submitted(store, "b" * 12, open_run)
    fresh = submitted(store, "c" * 12, make_run(overrides=["seed=2"]))
    finish(done)
    part = done.path / ".metrics.jsonl.0000.part"
    part.write_text("half a line")
    pull = store.pulled / "wandb" / "lab" / "p" / ".r1.json.0000.part"
    pull.parent.mkdir(parents=True)
    pull.write_text("half a record")
    for one in (over.folder, going.folder, part, pull):
        old(one)
    found = find_waste(store)
    assert {one.path for one in found} == {over.folder, part, pull}
    assert remove(found) > 0
    assert not over.folder.exists()
    assert going.folder.exists()
    assert fresh.folder.exists()


def test_a_stripped_run_keeps_its_weights_and_is_vouched_for(make_run: Callable[..., RunFolder]) -> None:
    run = make_run(overrides=["recipe.epochs=2"])
    subprocess.run([*warm_door(), "run", str(run.path)], check=True, capture_output=True)
    before = load_newest(run)
    count, about = find_strippable(Store(run.path.parent.parent))
    assert (count, damages(run)) == (1, []), "looking changes nothing"
    freed, left = strip(Store(run.path.parent.parent), Door(command=warm_door()))
    assert 0.3 * about < freed < 3 * about
    assert not left
    assert find_strippable(Store(run.path.parent.parent)) == (0, 0)
    after = load_newest(run)
    assert before is not None
    assert after is not None
    assert "optimizer" not in after
    assert all((after["model"][name] == value).all() for name, value in before["model"].items())
    assert damages(run) == []
    assert strip(Store(run.path.parent.parent), Door(command=warm_door())) == (0, [])
    run.result.write_text("{")
    again = subprocess.run([*warm_door(), "run", str(run.path)], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "gc --strip has left the weights of this run alone" in run.error.read_text()


def test_smoke_names_the_cell_that_would_fail(tmp_path: Path, composer: Composer) -> None:
    cells = []
    for label, words in (("good", ()), ("bad", ("recipe.lr=1.0e+30",))):
        composed = composer.compose([*TINY, *words])
        cells.append(Cell(config=composed.cell, id=label, label=label, choices=composed.choices))
    launch = settle(composer.compose(TINY).launch)
    good, bad = smoke(cells, launch, Store(tmp_path), Door(command=warm_door()))
    assert good.error == ""
    assert "loss" in bad.error
    assert (tmp_path / ".an-cli" / "smoke").is_dir(), "what failed stays to be looked at"
