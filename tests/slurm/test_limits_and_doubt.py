"""A queue that is full, a submitter that was faster, an answer that never came, a job that ended without a result."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from an_cli.cli.on_slurm import OnCluster
from an_cli.config import Composer, LaunchConfig
from an_cli.files import write_json
from an_cli.launch import Action, Reconciliation
from an_cli.launch.slurm import intent
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.intent import Intent, read_intent
from an_cli.launch.slurm.judge import Standing
from an_cli.launch.slurm.observe import Observer, submitted_since
from an_cli.launch.slurm.request import JobSettings, SubmissionRequest
from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.launch.slurm.submit import submit
from an_cli.launch.slurm.watcher import Watcher
from an_cli.launch.upkeep.cancel import CancelOutcome, cancel
from an_cli.store import RunFolder, Store, newest_submission
from tests.launch.fake_door import finish
from tests.slurm.imagined import Imagined

Make = Callable[[int], list[RunFolder]]


@pytest.fixture
def launch(composer: Composer) -> LaunchConfig:
    return composer.compose(["launch=slurm"]).launch


@pytest.fixture
def make_runs(tmp_path: Path) -> Make:
    def make(count: int) -> list[RunFolder]:
        runs = [Store(tmp_path).run(f"{place:016x}") for place in range(count)]
        for run in runs:
            run.path.mkdir(parents=True)
            write_json(run.cell, {"config": None})
        return runs

    return make


def terms(tmp_path: Path, launch: LaunchConfig) -> JobSettings:
    return JobSettings(store=Store(tmp_path), study="s", launch=launch, code=tmp_path, threads=1, max_array=1001)


def requests(runs: Sequence[RunFolder]) -> list[SubmissionRequest]:
    return [SubmissionRequest(run=run, number=1, after=()) for run in runs]


class Stopped(BaseException):
    """Enough was seen."""


def command(tmp_path: Path, launch: LaunchConfig, cluster: Imagined, **settings: object) -> OnSlurm:
    def pause(seconds: float) -> None:
        cluster.now += max(seconds, 0.5)

    return OnSlurm(
        watcher=Watcher(Store(tmp_path), Observer(cluster, cache=None, clock=lambda: cluster.now), accounting=True),
        terms=terms(tmp_path, launch),
        scheduler=cluster,
        pause=pause,
        clock=lambda: cluster.now,
        **settings,  # type: ignore[arg-type]
    )


def test_a_full_queue_is_asked_again_only_when_it_has_room(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0, max_submit=16), make_runs(60)
    calls: list[int] = []

    def watch(snapshot: object) -> None:
        calls.append(cluster.calls.count("sbatch"))
        if len(calls) in (5, 20):  # four jobs end, and make room
            for one in [one for one in cluster.elements if one.live][:4]:
                one.state = "COMPLETED"
                finish(RunFolder(one.runs[0]))
        if len(calls) == 40:
            raise Stopped

    with pytest.raises(Stopped):
        command(tmp_path, launch, cluster).launch(runs, watch)
    assert calls[4] == calls[0], "nothing has changed: nothing is asked"
    assert calls[6] == calls[18] > calls[4]
    assert calls[39] - calls[21] <= 2, "once in ten minutes a little more is tried"
    assert calls[39] > calls[18]
    newest = [found for run in runs if (found := newest_submission(run))]
    assert {found.after for found in newest} == {()}, "what was never a job is not remembered as one"


def test_a_limit_takes_no_run_from_another_submitter(tmp_path: Path, launch: LaunchConfig, make_runs: Make) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0, max_submit=30), make_runs(40)
    submit(requests(runs[:20]), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    theirs = {run: newest_submission(run) for run in runs[:20]}
    ours = submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    assert {run: newest_submission(run) for run in runs[:20]} == theirs
    assert set(ours.submitted) | set(ours.refused) == set(runs[20:])
    assert len(ours.submitted) == 10
    assert all(len(cluster.live_for(run)) <= 1 for run in runs)


def test_the_halves_of_an_array_share_its_parallelism(tmp_path: Path, composer: Composer, make_runs: Make) -> None:
    launch = composer.compose(["launch=slurm", "launch.array_parallelism=8"]).launch
    cluster = Imagined(random.Random(0), faults=0.0, max_submit=20)
    submit(requests(make_runs(32)), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    scripts = [Intent(folder).script.read_text() for folder in Store(tmp_path).jobs.iterdir()]
    assert any("--array=0-15%4\n" in text for text in scripts)


def test_an_sbatch_without_an_answer_is_given_up_though_its_submitter_lives(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    (run,) = make_runs(1)
    silent = submit(
        requests([run]), terms(tmp_path, launch), lambda *words: CommandResult(124, ""), pause=lambda seconds: None
    )
    assert silent.doubtful == [run]
    submission = newest_submission(run)
    assert submission is not None
    store = Store(tmp_path)
    assert read_intent(store, submission.token).submitting, "sbatch may still be at work"
    called = Intent(store.jobs / submission.token).called
    os.utime(called, (then := called.stat().st_mtime - 2 * intent.SBATCH_GONE_S, then))
    assert not read_intent(store, submission.token).submitting


def test_a_detached_command_stays_until_a_job_without_a_result_is_decided(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, (run,) = Imagined(random.Random(0), faults=0.0), make_runs(1)
    command(tmp_path, launch, cluster, detach=True).launch([run], lambda snapshot: None)
    cluster.elements[0].state = "COMPLETED"
    command(tmp_path, launch, cluster, detach=True).launch([run], lambda snapshot: None)
    assert [one.live for one in cluster.elements] == [False, True]


def test_accounts_are_asked_from_the_submission_on_whatever_jobs_have_written_since(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    runs = make_runs(1)
    submit(requests(runs), terms(tmp_path, launch), Imagined(random.Random(0), faults=0.0), pause=lambda seconds: None)
    (folder,) = Store(tmp_path).jobs.iterdir()
    os.utime(folder / "intent.json", (1.8e9, 1.8e9))
    (folder / "100_0.out").write_text("a later element starts")
    assert submitted_since(Store(tmp_path), [folder.name]) == pytest.approx(1.8e9)


def test_packed_cells_are_cancelled_with_their_job_once_all_of_them_are(
    tmp_path: Path, composer: Composer, make_runs: Make
) -> None:
    launch = composer.compose(["launch=slurm", "launch.pack=2"]).launch
    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(3)
    submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    assert cancel(runs[:1], cluster) == {runs[0]: CancelOutcome.HELD_BACK}
    assert [one.live for one in cluster.elements] == [True, True], "the other cell of the job goes on"
    before = cluster.calls.count("scancel")
    assert cancel(runs, cluster) == dict.fromkeys(runs, CancelOutcome.JOB)
    assert cluster.calls.count("scancel") == before + 1
    assert [one.live for one in cluster.elements] == [False, False]


@pytest.mark.parametrize("answer", [CommandResult(1, "", "Unable to contact slurm controller"), CommandResult(124, "")])
def test_a_cancel_that_slurm_does_not_answer_asks_once_and_leaves_word_for_the_jobs(
    answer: CommandResult, tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(2)
    submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    asked: list[str] = []

    def silent(*words: str) -> CommandResult:
        asked.append(words[0])
        assert all(run.stop.exists() for run in runs), "what runs obeys the word while SLURM is waited for"
        return answer

    assert cancel(runs, silent) == dict.fromkeys(runs, CancelOutcome.AT_START)
    assert asked == ["squeue"], "a controller that is down holds each command for ten seconds or more"


def test_a_failed_cell_whose_next_job_waits_can_be_cancelled(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, (run, failed) = Imagined(random.Random(0), faults=0.0), make_runs(2)
    submit(requests([run]), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    for one in (run, failed):
        one.error.write_text("out of memory\n")
        one.claims.mkdir()
        (one.claims / "1").write_text(json.dumps({"host": "h", "boot": "b", "namespace": "n", "pid": 1,
                                                  "started": "1", "left": "failed"}))  # fmt: skip
    assert cancel([run, failed], cluster) == {run: CancelOutcome.JOB, failed: CancelOutcome.NOTHING}


def test_a_job_that_ended_because_its_run_was_cancelled_is_not_submitted_again_by_who_follows(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, (run,) = Imagined(random.Random(0), faults=0.0), make_runs(1)
    follower = command(tmp_path, launch, cluster)

    def watch(snapshot: object) -> None:
        if len(cluster.elements) == 1 and cluster.elements[0].live:
            run.claims.mkdir(exist_ok=True)
            run.stop.touch()
            cluster.elements[0].state = "FAILED"

    follower.launch([run], watch)
    assert len(cluster.elements) == 1
    views = follower.watcher.look([run], fresh_s=0.0)
    assert views[run].verdict.standing is Standing.ENDED
    assert views[run].verdict.cause == "cancelled"


@pytest.mark.parametrize("action", [Action.AWAIT_JOB, Action.WAIT])
def test_a_cancelled_run_is_wanted_again_once_its_study_is(tmp_path: Path, make_runs: Make, action: Action) -> None:
    (run,) = make_runs(1)
    run.claims.mkdir()
    run.stop.touch()
    asked = cast("Any", SimpleNamespace(plan=SimpleNamespace(folder="s")))
    cell = cast("Any", SimpleNamespace(id=run.id, label="a"))
    site = OnCluster(asked, Store(tmp_path), ["an-cli", "ablate", "s"], detach=True)
    site.begin(Reconciliation(((cell, action),), {}))
    assert not run.stop.exists()
