"""What others put into the environment is not meant for us: a list of hostile ones, and what is left of each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from an_cli.environment import clean, shorten_temporary_folder
from an_cli.store import RunFolder, Status, read_run, status_of
from tests.tiny import TINY
from tests.warm import wait_for

# Name -> variables. Each is walked through every verb that needs no torch; those that a run could mind, through a run.
HOSTILE: Mapping[str, Mapping[str, str]] = {
    "a pod's ranks": {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29612"},
    "a size without a rank": {"WORLD_SIZE": "8"},
    "a git hook": {"GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index"},
    "a notebook's plots": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "warnings are errors": {"PYTHONWARNINGS": "error"},
    "optimized": {"PYTHONOPTIMIZE": "2"},
    "the C locale": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "an ASCII terminal": {"PYTHONIOENCODING": "ascii", "TERM": "dumb"},
    "no width": {"COLUMNS": "0", "LINES": "garbage"},
    "no home": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"},
    "no temporary folder": {"TMPDIR": "/nonexistent/tmp"},
    "a long temporary folder": {"TMPDIR": "/tmp/" + "j" * 120},
    "SLURM's formats": {"SQUEUE_FORMAT": "%i", "SACCT_FORMAT": "JobID", "SLURM_TIME_FORMAT": "relative"},
    "an allocation": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "3", "SLURM_ARRAY_TASK_ID": "2"},
    "threads": {"OMP_NUM_THREADS": "garbage", "MKL_NUM_THREADS": ""},
    "a time zone": {"TZ": "Nowhere/Nowhere"},
}
VERBS = {
    "plan": ["plan", "table1", "--no-costs"],
    "status": ["status", "table1"],
    "report": ["report", "table1"],
    "paper": ["paper", "show", "table1"],
    "doctor": ["doctor"],
    "typo": ["plan", "tabel1"],
}


def _call(words: list[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "an_cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("variables", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_light_verb_answers_as_in_a_clean_environment(variables: Mapping[str, str], tmp_path: Path) -> None:
    for name, words in VERBS.items():
        ended = _call(words, tmp_path, variables)
        said = ended.stderr.decode(errors="replace")
        assert ended.returncode in (0, 1, 3), (name, said)
        assert b"Traceback" not in ended.stdout + ended.stderr, (name, said)
        assert ended.returncode == 0 or len(said.splitlines()) <= 2 or name == "doctor", (name, said)


def test_only_what_is_not_ours_is_removed() -> None:
    left = {"PATH": "/bin", "SLURM_CONF": "/etc/slurm.conf", "AN_CLI_STORE": "s", "OMP_NUM_THREADS": "4"}
    environment = dict(left)
    for variables in HOSTILE.values():
        environment = {**variables, **environment}
    clean(environment)
    assert {name: environment[name] for name in left} == left
    removed = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "GIT_DIR", "MPLBACKEND", "PYTHONWARNINGS", "SQUEUE_FORMAT"}
    assert not removed & set(environment)
    assert environment["PYTHONUTF8"] == "1"


@pytest.mark.parametrize(("name", "kept"), [("short", True), ("j" * 120, False), ("missing/folder", False)])
def test_a_temporary_folder_has_room_for_a_sockets_name(name: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        folder = Path(above) / name
        if "missing" not in name:
            folder.mkdir()
        environment = {"TMPDIR": str(folder)}
        shorten_temporary_folder(environment)
        assert (environment["TMPDIR"] == str(folder)) is kept
        assert len(environment["TMPDIR"]) <= 60 or kept


def test_foreign_ranks_are_not_ours(make_run: Callable[..., RunFolder], tmp_path: Path) -> None:
    two = ["recipe.replicas=2", "recipe.batch_per_replica=5", "launch.ranks=2"]
    run = make_run(overrides=two)
    worker = [sys.executable, "-m", "an_cli.worker", "run", str(run.path)]
    environment = {**os.environ, **HOSTILE["a pod's ranks"], "TMPDIR": "/tmp/" + "j" * 120}
    ended = subprocess.run(worker, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("claim 1 of") == 2, "one line per rank"
    assert status_of(run) is Status.FINISHED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda n: n.name)
def test_a_study_obeys_every_stop_and_leaves_nobody_behind(number: signal.Signals, tmp_path: Path) -> None:
    words = [*(word for word in TINY if not word.startswith("launch.")), "recipe.epochs=3000", "seed=0"]
    command = [sys.executable, "-m", "an_cli", "run", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: list(tmp_path.glob("runs/*/metrics.jsonl")))
    run = RunFolder(next(tmp_path.glob("runs/*")))
    worker = read_run(run).attempts[0].pid
    process.send_signal(number)
    assert process.wait(60) == 130
    assert status_of(run) is Status.INTERRUPTED
    end = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from an_cli.launch.stopping import listening\n"
        "with listening() as stops:\n    os.kill(os.getpid(), signal.SIGHUP)\n    print(stops.count)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "0\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "0<&- >&- 2>&-", "| head -c 10"])
def test_closed_streams_are_no_failure(closed: str, tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m an_cli paper show table1 {closed}"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0
    assert b"Error" not in ended.stderr
