"""A cluster keeps the contract of places: an imagined one whose jobs do what the runs' scripts say."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from an_cli.config import Composer
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.request import JobSettings
from an_cli.launch.slurm.watcher import Watcher
from an_cli.store import RunFolder, Store, take, this_process
from tests.launch.conftest import attempts_of, scripted, store
from tests.launch.fake_door import finish
from tests.launch.place_contract import MakePlace, PlaceContract
from tests.slurm.imagined import Element, Imagined

__all__ = ["attempts_of", "scripted", "store"]  # fixtures


class Steady(random.Random):
    """A dice of a cluster that loses nothing."""

    def random(self) -> float:
        return 0.5


@dataclass
class Working(Imagined):
    """A cluster that starts what waits, in order, and whose jobs make their runs; it knows `--dependency=afterok`."""

    after: dict[str, list[str]] = field(default_factory=dict)  # array -> elements that must have completed

    def _accept(self, text: str, script: Path, count: int) -> str:
        array = super()._accept(text, script, count)
        wanted = re.search(r"--dependency=afterok:(\S+)", text)
        self.after[array] = wanted[1].split(":") if wanted else []
        return array

    def step(self) -> None:
        self.now += 5.0
        for one in self.elements:
            if one.state == "PENDING" and self._may_start(one):
                one.state = "RUNNING"
            elif one.state == "RUNNING":
                one.state = self._work(one)

    def _may_start(self, one: Element) -> bool:
        states = {f"{other.array}_{other.task}": other.state for other in self.elements}
        needed = [states[name] for name in self.after.get(one.array, [])]
        if any(state not in ("PENDING", "RUNNING", "COMPLETED") for state in needed):
            one.state = "CANCELLED by 0"  # kill-on-invalid-dep
        return all(state == "COMPLETED" for state in needed)

    def _work(self, one: Element) -> str:
        return "FAILED" if True in [self._attempt(RunFolder(path), one) for path in one.runs] else "COMPLETED"

    def _attempt(self, run: RunFolder, one: Element) -> bool:
        """Make a run as its script says; True where it failed."""
        if run.result.exists():
            return False
        claim = take(run, replace(this_process(), job=f"{one.array}_{one.task}", submission=1))
        assert claim is not None
        with (run.path / "attempts.txt").open("a") as file:
            file.write("a job\n")
        failed = json.loads((run.path / "script.json").read_text())[0] == "fail"
        if failed:
            run.error.write_text("out of memory\n")
        else:
            finish(run)
        claim.release("failed" if failed else "finished")
        return failed


class TestOnSlurm(PlaceContract):
    @pytest.fixture
    def make_place(self, store: Store, composer: Composer, tmp_path: Path) -> MakePlace:
        cluster, launch = Working(Steady(0), faults=0.0), composer.compose(["launch=slurm"]).launch
        settings = JobSettings(store=store, study="s", launch=launch, code=tmp_path, threads=1, max_array=1001)

        def pause(seconds: float) -> None:
            cluster.step()

        def clock() -> float:
            return cluster.now

        def make(needs) -> OnSlurm:  # type: ignore[no-untyped-def]
            watcher = Watcher(store, Observer(cluster, cache=None, clock=clock), accounting=True)
            return OnSlurm(watcher=watcher, terms=settings, scheduler=cluster, needs=needs, pause=pause, clock=clock)

        return make
