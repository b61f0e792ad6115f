"""What clusters, second users and full queues did to studies: nodes that eat jobs, hidden jobs, arrays switched off."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from an_cli.config import LaunchConfig
from an_cli.config.launching import slurm_misfits
from an_cli.errors import LaunchError
from an_cli.launch import Phase
from an_cli.launch.causes import Cause
from an_cli.launch.slurm import intent as intents
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.intent import Intent
from an_cli.launch.slurm.judge import Standing, Verdict
from an_cli.launch.slurm.policy import blame
from an_cli.launch.slurm.scheduler import CommandResult, Commands
from an_cli.launch.slurm.script import check_path
from an_cli.launch.slurm.states import never_starts
from an_cli.launch.slurm.submit import submit
from an_cli.launch.slurm.watcher import JobView
from an_cli.store import End, RunFolder, Store, Submission, ask_to_stop, newest_submission, take
from an_cli.store.claims import this_process
from tests.launch.fake_door import finish
from tests.slurm.imagined import Element, Imagined
from tests.slurm.test_limits_and_doubt import Make, Stopped, command, launch, make_runs, requests, terms

__all__ = ["launch", "make_runs"]  # fixtures


@dataclass
class Nodes(Imagined):
    """Two nodes that take jobs as they come; those in `broken` end each before its run begins."""

    broken: tuple[str, ...] = ("n0",)
    slow: int = 3  # looks that a run takes

    def __post_init__(self) -> None:
        self.where: dict[int, str] = {}
        self.age: dict[int, int] = {}
        self.avoided: set[str] = set()

    def _squeue(self, words: tuple[str, ...]) -> CommandResult:
        said = super()._squeue(words)
        lines = []
        for line in said.out.splitlines():
            fields = line.split("|")
            if len(fields) == 7 and fields[1].isdigit():
                of = [one for one in self.elements if (one.array, str(one.task)) == (fields[0], fields[1])]
                fields[4] = self.where.get(id(of[0]), "") if of else fields[4]
            lines.append("|".join(fields))
        return CommandResult(said.status, "".join(f"{line}\n" for line in lines))

    def _sacct(self) -> CommandResult:
        lines = [
            f"{one.array}_{one.task}|{one.name}|{one.state}|1:0|2027-01-01T00:00:00|{self.where.get(id(one), '')}\n"
            for one in self.elements
        ]
        return CommandResult(0, "".join(lines))

    def _scontrol(self, words: tuple[str, ...]) -> CommandResult:
        self.avoided |= {
            node for word in words if word.startswith("ExcNodeList=") for node in word.partition("=")[2].split(",")
        }
        return super()._scontrol(words)

    def work(self) -> None:
        """One look's time: a broken node is free again at once, a sound one works."""
        for node in ("n0", "n1"):
            takes = 3 if node in self.broken else 1
            for one in [one for one in self.elements if one.state == "PENDING"][:takes]:
                script = Intent(one.runs[0].parents[1] / ".an-cli" / "jobs" / one.name.rpartition(".")[2]).script
                if node in self.avoided or f"--exclude={node}" in script.read_text():
                    continue
                self.where[id(one)] = node
                self._start(one, node)
        for one in self.elements:
            if one.state == "RUNNING":
                self.age[id(one)] = self.age.get(id(one), 0) + 1
                if self.age[id(one)] >= self.slow:
                    finish(RunFolder(one.runs[0]))
                    one.state = "COMPLETED"

    def _start(self, one: Element, node: str) -> None:
        if node in self.broken:
            one.state = "FAILED"
            return
        one.state = "RUNNING"
        run = RunFolder(one.runs[0])
        take(run, replace(this_process(), job=f"{one.array}_{one.task}", submission=1))


def _follow(cluster: Nodes, tmp_path: Path, launch: LaunchConfig, runs: list[RunFolder]) -> tuple[OnSlurm, list[str]]:
    said: list[str] = []
    looks = iter(range(80))

    def watch(snapshot: object) -> None:
        cluster.work()
        if next(looks, None) is None:
            raise Stopped

    following = command(tmp_path, launch, cluster, tell=said.append)
    following.launch(runs, watch)
    return following, said


def test_a_node_that_ends_every_job_is_avoided_and_no_cell_pays(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, runs = Nodes(random.Random(0), faults=0.0), make_runs(12)
    following, said = _follow(cluster, tmp_path, launch, runs)
    assert all(run.result.exists() for run in runs)
    eaten = [one for one in cluster.elements if cluster.where.get(id(one)) == "n0"]
    assert len(eaten) <= 3
    assert following.terms.avoid == ("n0",)
    assert [line for line in said if line.startswith("n0 is avoided: its job ended before the run began")]


def test_what_fails_on_every_node_holds_the_study_back(tmp_path: Path, launch: LaunchConfig, make_runs: Make) -> None:
    cluster, runs = Nodes(random.Random(0), faults=0.0, broken=("n0", "n1")), make_runs(40)
    _, said = _follow(cluster, tmp_path, launch, runs)
    assert len([one for one in cluster.elements if one.state == "FAILED"]) <= 6
    assert len(cluster.elements) == 40, "no second try"
    assert not any(one.live for one in cluster.elements)
    assert any(line.startswith("held back: no job of this study begins its run") for line in said)


def test_blame_needs_two_nodes_or_none_that_is_named() -> None:
    def view(node: str) -> JobView:
        verdict = Verdict(standing=Standing.ENDED, cause=Cause.SET_UP, detail=f"why {node}", node=node)
        return JobView(verdict=verdict, submission=None)

    assert blame([view("n0"), view("n0")], []).nodes == {"n0": "why n0"}
    assert blame([view("n0"), view("n1")], []).everywhere == "why n0"
    assert blame([view("n0"), view("n1")], ["n2"]).nodes == {"n0": "why n0", "n1": "why n1"}
    assert blame([view("n0"), view("n1")], ["n1"]).nodes == {"n0": "why n0"}, "a run has begun there: it is flaky"
    assert blame([view("")], []).everywhere == "why "
    ends = (End(cause="set_up", detail="disk", step=0, job="1_0", node="n3"),)
    earlier = Submission(number=2, token="t", task=0, after=ends)
    ended = JobView(verdict=Verdict(standing=Standing.QUEUED), submission=earlier)
    assert blame([ended], []).nodes == {"n3": "disk"}


def test_the_reason_is_what_the_job_itself_printed(tmp_path: Path, launch: LaunchConfig, make_runs: Make) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(1)
    submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    (one,) = cluster.elements
    one.state = "FAILED"
    folder = Intent(Store(tmp_path).jobs / one.name.rpartition(".")[2])
    (folder.folder / f"{one.array}_0.out").write_text("loading\nmodule: command not found\n\n")
    verdict = command(tmp_path, launch, cluster).watcher.look(runs)[runs[0]].verdict
    assert verdict.cause is Cause.SET_UP
    assert "module: command not found" in verdict.detail
    assert f"{one.array}_0.out" in verdict.detail


@pytest.fixture
def other_user(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on this process is another user than the one whose files these are."""
    return lambda: monkeypatch.setattr(intents.os, "getuid", lambda: os.stat("/").st_uid + 4711)


class Private(Imagined):
    """A cluster that shows a user's own jobs only, and none by id either."""

    def _squeue(self, words: tuple[str, ...]) -> CommandResult:
        return CommandResult(0, "") if not self.open else super()._squeue(words)

    open = True


def test_a_second_user_sees_whose_job_it_is(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make, other_user: Callable[[], None]
) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(2)
    submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    other_user()
    asked = len(cluster.calls)
    verdicts = [view.verdict for view in command(tmp_path, launch, cluster).watcher.look(runs).values()]
    assert [verdict.standing for verdict in verdicts] == [Standing.QUEUED] * 2
    assert all("submitted by " in verdict.detail for verdict in verdicts)
    assert cluster.calls[asked:] == ["squeue", "squeue"], "the second asks for the other's jobs by id"


def test_hidden_jobs_of_another_user_are_unknown_and_nobody_takes_their_place(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make, other_user: Callable[[], None]
) -> None:
    cluster, runs = Private(random.Random(0), faults=0.0, accounting=False), make_runs(2)
    submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    before = [newest_submission(run) for run in runs]
    for path in (tmp_path / ".an-cli" / "jobs").rglob("*"):
        os.utime(path, (1, 1))
    other_user()
    cluster.open = False
    following = command(tmp_path, launch, cluster, detach=True)
    begun = cluster.now
    snapshot = following.launch(runs, lambda snapshot: None)
    assert [state.phase for state in snapshot.runs] == [Phase.ELSEWHERE] * 2
    assert all("whose job it is" in (state.cause or "") for state in snapshot.runs)
    assert cluster.now - begun < 10, "there is nothing to wait for"
    cluster.now += 3600
    for _ in range(3):
        command(tmp_path, launch, cluster, detach=True).launch(runs, lambda snapshot: None)
        cluster.now += 600
    assert [newest_submission(run) for run in runs] == before


def test_a_submission_whose_folder_was_removed_is_made_again(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    import shutil

    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(2)
    submit(requests(runs), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    first = list(cluster.elements)
    shutil.rmtree(tmp_path / ".an-cli")
    outcome = command(tmp_path, launch, cluster, detach=True)
    outcome.launch(runs, lambda snapshot: None)
    assert len(outcome.outcome.submitted) == 2
    assert not any(one.live for one in first), "what could read nothing is taken out of the queue"
    assert all(len(cluster.live_for(run)) == 1 for run in runs)


def test_a_cluster_without_arrays_is_given_plain_jobs(tmp_path: Path, launch: LaunchConfig, make_runs: Make) -> None:
    class Plain(Imagined):
        def _sbatch(self, script: Path) -> CommandResult:
            text = script.read_text()
            assert "--array" not in text
            assert "%j.out" in text
            self.next_id += 1
            name = next(line.partition("=")[2] for line in text.splitlines() if "--job-name" in line)
            folder = (script.parent / "tasks").read_text().splitlines()[0]
            self.elements.append(Element(array=str(self.next_id), task=0, name=name, runs=[Path(folder)]))
            return CommandResult(0, f"{self.next_id}\n")

        def _squeue(self, words: tuple[str, ...]) -> CommandResult:
            said = super()._squeue(words)
            return CommandResult(0, said.out.replace("|0|", "|N/A|"))

    cluster, runs = Plain(random.Random(0), faults=0.0), make_runs(3)
    off = replace(terms(tmp_path, launch), max_array=0)
    done = submit(requests(runs), off, cluster, pause=lambda seconds: None)
    assert set(done.submitted) == set(runs)
    views = command(tmp_path, launch, cluster).watcher.look(runs)
    assert [view.verdict.standing for view in views.values()] == [Standing.QUEUED] * 3
    assert [view.verdict.job for view in views.values()] == ["101", "102", "103"]


def test_more_arrays_than_may_run_at_once_wait_for_each_other(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    scripts: list[str] = []

    class Noting(Imagined):
        def _sbatch(self, script: Path) -> CommandResult:
            scripts.append(script.read_text())
            return super()._sbatch(script)

    cluster, runs = Noting(random.Random(0), faults=0.0), make_runs(4)
    two = replace(terms(tmp_path, replace(launch, array_parallelism=2)), max_array=1)
    submit(requests(runs), two, cluster, pause=lambda seconds: None)
    arrays = [one.array for one in cluster.elements]
    waits = [next((line for line in text.splitlines() if "--dependency" in line), "") for text in scripts]
    assert waits[:2] == ["", ""]
    assert f"afterany:{arrays[0]}" in waits[2]
    assert f"afterany:{arrays[1]}" in waits[3]


def test_an_sbatch_that_gives_no_job_is_a_failed_submission(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    class Dry(Imagined):
        def _sbatch(self, script: Path) -> CommandResult:
            return CommandResult(0, "", "sbatch: Job 1 to start at 2027-01-01 using 1 processors on nodes n0")

    runs = make_runs(2)
    done = submit(
        requests(runs), terms(tmp_path, launch), Dry(random.Random(0), faults=0.0), pause=lambda seconds: None
    )
    assert set(done.refused) == set(runs)
    assert "sbatch gave no job id: sbatch: Job 1 to start" in done.refused[runs[0]]
    with pytest.raises(LaunchError, match="SLURM takes no job"):
        command(tmp_path, launch, Dry(random.Random(0), faults=0.0), detach=True).launch(runs, lambda snapshot: None)


@pytest.mark.parametrize(
    "option",
    ["test-only", "--wait", "-W", "parsable", "array=0-3", "-a 0-3", "output=x", "-ox", "chdir=/", "clusters=b", "M=b"],
)
def test_options_that_an_cli_sets_itself_are_refused(launch: LaunchConfig, option: str) -> None:
    (misfit,) = slurm_misfits(replace(launch, sbatch=(option,)))
    assert misfit[0] == "launch.sbatch"


@pytest.mark.parametrize(
    "option", ["exclusive", "mail-type=END", "--nice=10", "-p x", "account=a", "export-file=x", "C=a"]
)
def test_other_options_are_handed_on(launch: LaunchConfig, option: str) -> None:
    assert not list(slurm_misfits(replace(launch, sbatch=(option,))))


def test_an_sbatch_that_sleeps_for_a_full_queue_is_ended_and_its_reason_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbatch = tmp_path / "sbatch"
    word = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"
    sbatch.write_text(f"#!/bin/sh\necho '{word}' >&2\nsleep 50\n")
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = Commands()("sbatch", "job.sh")
    assert said.status == 124
    assert "temporarily unable" in said.trouble


def test_a_controller_that_does_not_answer_leaves_nothing_that_goes_on(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intents, "SBATCH_GONE_S", -1.0)  # sbatch has given up
    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(2)
    cluster.outage_until = cluster.now + 10_000
    snapshot = command(tmp_path, launch, cluster, detach=True).launch(runs, lambda snapshot: None)
    assert [state.phase for state in snapshot.runs] == [Phase.INTERRUPTED] * 2
    assert all((state.cause or "").startswith("not ") for state in snapshot.runs)


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("QOSMaxWallDurationPerJobLimit", "launch.time_min"),
        ("PartitionTimeLimit", "launch.time_min"),
        ("AssocMaxWallDurationPerJobLimit", "launch.time_min"),
        ("QOSMaxGRESPerJob", "launch.gpus_per_node"),
        ("InvalidAccount", "launch.account"),
        ("BadConstraints", "launch.constraint, launch.mem or launch.gpus_per_node"),
        ("Priority", None),
        ("Resources", None),
        ("QOSMaxJobsPerUserLimit", None),
    ],
)
def test_a_job_that_can_never_start_says_what_to_change(reason: str, change: str | None) -> None:
    assert never_starts(reason) == change


@pytest.mark.parametrize(
    ("reason", "word"), [("PartitionTimeLimit", "launch.time_min"), ("JobHeldAdmin", "release it")]
)
def test_a_follower_says_for_whom_jobs_wait_and_leaves_when_nothing_else_is_left(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make, reason: str, word: str
) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0), make_runs(1)
    said: list[str] = []

    def watch(snapshot: object) -> None:
        for one in cluster.elements:
            one.reason = reason

    snapshot = command(tmp_path, launch, cluster, tell=said.append).launch(runs, watch)
    assert snapshot.runs[0].phase is Phase.QUEUED
    assert len([line for line in said if word in line]) == 1


def test_a_run_that_was_told_to_stop_is_submitted_again_by_the_command_that_wants_it(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, (run,) = Imagined(random.Random(0), faults=0.0), make_runs(1)
    submit(requests([run]), terms(tmp_path, launch), cluster, pause=lambda seconds: None)
    cluster.elements[0].state = "RUNNING"
    run.claims.mkdir(exist_ok=True)
    ask_to_stop(run)

    def watch(snapshot: object) -> None:
        first, *later = cluster.elements
        first.state = "CANCELLED by 0"
        for one in later:
            assert not run.stop.exists()
            finish(run)
            one.state = "COMPLETED"

    snapshot = command(tmp_path, launch, cluster, overruled={run}).launch([run], watch)
    assert snapshot.runs[0].phase is Phase.FINISHED
    assert len(cluster.elements) == 2


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\\b", "a\udcffb", "a\x7fb"])
def test_a_path_that_sbatch_would_misread_is_refused_before_anything_is_taken(name: str) -> None:
    with pytest.raises(LaunchError, match="which sbatch does not take"):
        check_path(Path("/store") / name)


@pytest.mark.parametrize("name", ["a b", "a%nb", "ü", "a'b", "a#b", "[a]"])
def test_other_paths_are_taken(name: str) -> None:
    check_path(Path("/store") / name)


def test_a_limit_once_met_is_not_met_again_at_every_refill(
    tmp_path: Path, launch: LaunchConfig, make_runs: Make
) -> None:
    cluster, runs = Imagined(random.Random(0), faults=0.0, max_submit=3), make_runs(12)

    def watch(snapshot: object) -> None:
        for one in [one for one in cluster.elements if one.live][:1]:
            finish(RunFolder(one.runs[0]))
            one.state = "COMPLETED"

    command(tmp_path, launch, cluster).launch(runs, watch)
    assert all(run.result.exists() for run in runs)
    assert cluster.calls.count("sbatch") <= 20
