"""`plan`, `status`, `ablate --dry-run` and what `ablate` does agree, whatever the disk and a scheduler say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from an_cli.config import Composer, LaunchConfig
from an_cli.files import read_json, write_json
from an_cli.launch.prepare import prepare_folder, write_job
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.request import JobSettings, SubmissionRequest
from an_cli.launch.slurm.submit import submit
from an_cli.launch.slurm.watcher import Watcher
from an_cli.plan import Cell, load_named, make_plan
from an_cli.store import RunFolder, Status, Store, newest_submission, take
from tests.cli.conftest import Call
from tests.launch.fake_door import finish
from tests.slurm.imagined import Element, Imagined

IN_QUEUE = {"queued", "held", "submitting"}
# What a dry run calls each state: here, and on a cluster.
ACTIONS = {
    "missing": "start", "waiting": "start", "unreadable": "start", "interrupted": "continue", "failed": "retry",
    "running": "wait", "finished": "keep", "imported": "leave", **dict.fromkeys(IN_QUEUE, "await job"),
}  # fmt: skip


class Steady(random.Random):
    """A cluster's dice that never loses an answer: four verbs that ask one after the other must hear the same."""

    def random(self) -> float:
        return 0.5


class Site:
    """A store with the study `tiny`, and a cluster that says what it is told to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = Imagined(Steady(0), faults=0.0)
        self.store = Store(folder)
        self.cells = make_plan(load_named("tiny", self.store)).cells
        self.runs = [self.store.run(cell.id) for cell in self.cells]
        self.launch: LaunchConfig = Composer().compose(["launch=slurm", "launch.data_root=/cluster/data"]).launch
        monkeypatch.setattr("an_cli.launch.standing.this_cluster", self.watcher)

    def watcher(self, store: Store) -> Watcher:
        observer = Observer(self.cluster, cache=None, clock=lambda: self.cluster.now)
        return Watcher(store, observer, accounting=True)

    def submit(self, cells: list[Cell]) -> None:
        """As `ablate --on slurm` does."""
        for cell in cells:
            prepare_folder(cell.config, cell.choices, self.store)
        runs = [self.store.run(cell.id) for cell in cells]
        requests = [SubmissionRequest(run=run, number=self._next(run), after=()) for run in runs]
        settings = JobSettings(
            store=self.store, study="tiny", launch=self.launch, code=self.store.root, threads=1, max_array=1001
        )
        submit(requests, settings, self.cluster, pause=lambda seconds: None)

    def _next(self, run: RunFolder) -> int:
        submission = newest_submission(run)
        return submission.number + 1 if submission else 1

    def job_of(self, run: RunFolder) -> Element | None:
        """The newest job that has the run."""
        return next((one for one in reversed(self.cluster.elements) if run.path in one.runs), None)


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(folder, monkeypatch)


def answers(call: Call) -> dict[str, dict[str, str]]:
    """What each verb says of every cell."""
    plan = {cell["id"]: cell["status"] for cell in call("plan", "tiny", "--no-costs", "--json").json["cells"]}
    status = {cell["id"]: cell["status"] for cell in call("status", "tiny", "--json").json["cells"]}
    here = call("ablate", "tiny", "--dry-run", "--json").json["cells"]
    there = call("ablate", "tiny", "--dry-run", "--on", "slurm", "--json").json["cells"]
    assert plan == status == {cell["id"]: cell["status"] for cell in here}
    assert plan == {cell["id"]: cell["status"] for cell in there}
    return {
        run_id: {"status": plan[run_id], "here": one["action"], "there": other["action"]}
        for run_id, one, other in zip(plan, here, there, strict=True)
    }


def test_queued_cells_are_queued_in_every_answer_and_none_of_them_is_to_start(call: Call, site: Site) -> None:
    site.submit(list(site.cells[:2]))
    said = [answers(call)[run.id] for run in site.runs]
    assert [one["status"] for one in said] == ["queued", "queued", "missing"]
    assert [one["here"] for one in said] == ["await job", "await job", "start"]
    assert "3 cells: 1 to start, 2 queued" in call("ablate", "tiny", "--dry-run", "--on", "slurm").out
    assert "3 cells: 1 to start, 2 queued" in call("plan", "tiny", "--no-costs").out


def test_a_local_ablate_neither_starts_a_queued_cell_nor_says_how_its_job_runs(call: Call, site: Site) -> None:
    site.submit(list(site.cells[:1]))
    queued = site.runs[0]
    write_job(queued, site.launch, on="slurm")
    before = read_json(queued.job)
    ended = call("ablate", "tiny")
    assert read_json(queued.job) == before
    assert not any(queued.claims.iterdir()) if queued.claims.is_dir() else True
    assert "left to SLURM (job 100): 1, which are not started here" in ended.err
    assert "an-cli ablate tiny --on slurm; or an-cli cancel tiny" in ended.err
    assert [run.result.exists() for run in site.runs] == [False, True, True]
    assert ended.status == 3


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_run_refuses_a_cell_whose_job_waits_or_is_about_to_start(call: Call, site: Site, state: str) -> None:
    site.submit(list(site.cells[:1]))
    job = site.job_of(site.runs[0])
    assert job is not None
    job.state = state
    write_job(site.runs[0], site.launch, on="slurm")
    before = read_json(site.runs[0].job)
    composed = call("show", site.runs[0].id, "--yaml")
    (site.store.root / "cell.yaml").write_text(composed.out)
    ended = call("run", "--config", "cell.yaml")
    assert ended.status == 1
    assert f"an-cli cancel {site.runs[0].id}" in ended.err
    assert read_json(site.runs[0].job) == before


def test_a_queued_run_that_the_study_wants_no_more_is_named_with_the_way_to_take_it_back(
    call: Call, site: Site, folder: Path
) -> None:
    site.submit(list(site.cells[2:]))
    site.store.link("tiny", site.cells[2].label, site.runs[2])
    study = read_json(folder / "sweeps" / "tiny.yaml")
    write_json(folder / "sweeps" / "tiny.yaml", {**study, "rows": study["rows"][:2]})
    ended = call("ablate", "tiny")
    assert f"is queued (job 100_0), and tiny wants it no more: an-cli cancel {site.runs[2].id}" in ended.err


def _happen(site: Site, dice: random.Random, claims: dict[str, Any]) -> None:
    """Something that may happen to one cell, here or on the cluster."""
    place = dice.randrange(len(site.runs))
    cell, run = site.cells[place], site.runs[place]
    job = site.job_of(run)
    event = dice.choice(["submit", "claim", "release", "fail", "finish", "run", "hold", "end", "cancel", "forget"])
    if event == "submit" and not run.result.exists() and (job is None or not job.live):
        site.submit([cell])
    elif event == "claim" and run.path.is_dir() and run.id not in claims and not run.result.exists():
        claims[run.id] = take(run)
    elif event in ("release", "fail") and claims.get(run.id):
        claims.pop(run.id).release("failed" if event == "fail" else "stopped by signal 15")
        if event == "fail":
            run.error.write_text("out of memory\n")
    elif event == "finish" and run.path.is_dir() and run.id not in claims:
        finish(run)
        if job is not None and job.live:
            job.state = "COMPLETED"
    elif job is not None and job.live:
        job.state, job.reason = {
            "run": ("RUNNING", "None"), "hold": ("PENDING", "JobHeldUser"),
            "end": (dice.choice(["FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"]), "None"),
            "cancel": ("CANCELLED by 0", "None"),
        }.get(event, (job.state, job.reason))  # fmt: skip
    elif job is not None and event == "forget":
        job.forgotten = True
    site.cluster.now += dice.choice([1.0, 30.0, 300.0])


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_every_verb_agrees_in_every_state_of_a_history(call: Call, site: Site, seed: int) -> None:
    dice, claims, seen = random.Random(seed), dict[str, Any](), set[str]()
    site.submit(list(site.cells[:2]))
    for _ in range(8):
        _happen(site, dice, claims)
        every = answers(call)
        for run in site.runs:
            said = every[run.id]
            status = said["status"]
            seen.add(status)
            job = site.job_of(run)
            live = job is not None and job.live and not job.forgotten
            if live and not run.result.exists():
                assert said["here"] in ("await job", "wait"), (status, job)
                assert said["there"] in ("await job", "wait"), (status, job)
            if status == "unknown":
                assert said["here"] in ("await job", "wait")
            elif said["here"] != "await job":  # which a job that is about to start is called too
                assert said["here"] == ACTIONS[status]
            assert said["there"] in (said["here"], "given up")
    assert len(seen & {str(status) for status in Status}) > 1
