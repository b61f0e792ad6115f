"""`launch.on_end`: once, after the table, and never in the way."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.launch.upkeep.on_end import run_on_end
from an_cli.plan import load_study, make_plan
from an_cli.store import RunFolder, Store
from tests.cli.conftest import Call
from tests.launch.fake_door import finish
from tests.slurm.imagined import Imagined

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
NAMES = re.findall(r"`(AN_CLI_\w+)`", PAGE.partition("## When a study ends")[2].partition("It is given")[0])
ALL = "; ".join(f'echo {name}="${name}" >> told' for name in NAMES)


def test_it_runs_once_with_the_counts_of_the_study(call: Call, folder: Path) -> None:
    ended = call("ablate", "tiny", "--json", "--on-end", f'{ALL}; cp "$AN_CLI_TABLE" table; echo done')
    assert ended.status == 0
    assert ended.json["study"] == "tiny", "its output is not the table's"
    told = dict(line.split("=", 1) for line in (folder / "told").read_text().splitlines())
    assert set(told) == set(NAMES)
    assert (told["AN_CLI_STUDY"], told["AN_CLI_STATE"], told["AN_CLI_FINISHED"]) == ("tiny", "finished", "3")
    assert (told["AN_CLI_CELLS"], told["AN_CLI_FAILED"], told["AN_CLI_STORE"]) == ("3", "0", str(folder))
    assert "hsigmoid" in (folder / "table").read_text()
    (folder / "told").unlink()
    call("ablate", "tiny", "--on-end", ALL)
    assert not (folder / "told").exists(), "nothing was waited for"
    job = (folder / "studies" / "tiny" / "baseline" / "job.json").read_text()
    assert "told" not in job


@pytest.mark.parametrize(
    ("command", "said"),
    [("exit 3", "exit status 3"), ("no-such-command-at-all", "exit status 127"), ("a\0b", "cannot be started")],
)
def test_a_failure_is_a_warning(call: Call, command: str, said: str) -> None:
    ended = call("ablate", "tiny", "--on-end", command)
    assert ended.status == 0
    assert f"warning: launch.on_end: {said}" in ended.err


def test_one_that_hangs_is_ended_with_all_that_it_started(folder: Path) -> None:
    plan, store = make_plan(load_study("tiny")), Store(folder)
    why = run_on_end("sleep 1000 & echo $! > pid; wait", plan, store, limit_s=1.0)
    assert why == "ended: it took more than 1 s"
    stat = Path(f"/proc/{(folder / 'pid').read_text().strip()}/stat")
    for _ in range(1000):  # a killed process is gone when the kernel comes to it
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX":
            break
        time.sleep(0.01)
    else:
        pytest.fail("what it started lives on")


def test_the_bell_rings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on_end("bell", make_plan(load_study("tiny")), Store(folder)) == ""
    assert capsys.readouterr().err == "\a"


class Cluster(Imagined):
    """Jobs that wait when they are first seen, and have made their results when they are seen next."""

    interrupts = False

    def __call__(self, *words: str) -> CommandResult:
        answer = super().__call__(*words)
        if words[0] == "squeue" and self.interrupts:
            os.kill(os.getpid(), signal.SIGINT)
        elif words[0] == "squeue":
            for job in self.elements:
                for path in job.runs:
                    finish(RunFolder(path))
                job.state = "COMPLETED"
        return answer


@pytest.fixture
def cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster(random.Random(0), faults=0.0)
    monkeypatch.setenv("AN_CLI_CACHE", str(folder / "cache"))
    monkeypatch.setattr("an_cli.launch.slurm.start.check_commands", lambda: None)
    monkeypatch.setattr("an_cli.launch.slurm.start.Commands", lambda: cluster)
    return cluster


def test_who_follows_jobs_to_the_end_of_a_study_runs_it_once(call: Call, folder: Path, cluster: Cluster) -> None:
    ended = call("ablate", "tiny", "--on", "slurm", "--on-end", f'{ALL}; cp "$AN_CLI_TABLE" table')
    assert ended.status == 0, ended.err
    assert len(cluster.elements) == 3
    told = dict(line.split("=", 1) for line in (folder / "told").read_text().splitlines())
    assert set(told) == set(NAMES)
    assert (told["AN_CLI_STATE"], told["AN_CLI_CELLS"], told["AN_CLI_FINISHED"]) == ("finished", "3", "3")
    assert "hsigmoid" in (folder / "table").read_text()
    assert not any(">> told" in path.read_text() for path in folder.glob(".an-cli/jobs/*/*") if path.is_file())
    (folder / "told").unlink()
    assert call("ablate", "tiny", "--on", "slurm", "--on-end", ALL).status == 0
    assert not (folder / "told").exists(), "nothing was waited for"


def test_who_leaves_jobs_behind_does_not_run_it_and_says_so(call: Call, folder: Path, cluster: Cluster) -> None:
    detached = call("ablate", "tiny", "--on", "slurm", "--detach", "launch.on_end='touch told'")
    assert detached.status == 0, detached.err
    assert ("no job runs it" in detached.err) is ("go on without this command" in detached.err)
    cluster.interrupts = True
    for run in (folder / "runs").iterdir():
        (run / "result.json").unlink(missing_ok=True)
    left = call("ablate", "tiny", "--on", "slurm", "launch.on_end='touch told'")
    assert left.status == 130, left.err
    assert not (folder / "told").exists()
