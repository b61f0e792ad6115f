"""What others put into the environment is not meant for us: a list of hostile ones, and what is left of each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from an_cli.environment import LONGEST_FOLDER, clean, printable, short_temporary_folder, text_of, without_slurm
from an_cli.errors import AnError
from an_cli.store import RunFolder, Status, read_result, read_run, status_of
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


BASE = [word for word in TINY if not word.startswith("launch.")]
# Verbs that start the heavy door -> what they print where all is well.
HEAVY_VERBS = {
    "evaluate": (["evaluate", "one"], "equal to the run's record, to the last bit"),
    "show model": (["show", "model", *BASE], "mixture"),
    "data verify": (["data", "verify", "images"], "every image was decoded"),
    "smoke": (["smoke", "tiny"], "1 cells: 1 ok"),
    "run": (["run", *BASE, "seed=1"], ": finished"),
}


def _together() -> dict[str, dict[str, str]]:
    """The hostile environments, as many at once as do not set the same variable: a process for each would take long."""
    groups: list[tuple[list[str], dict[str, str]]] = []
    for name, variables in HOSTILE.items():
        group = next((group for group in groups if not group[1].keys() & variables.keys()), None)
        if group is None:
            groups.append(group := ([], {}))
        group[0].append(name)
        group[1].update(variables)
    return {", ".join(names): variables for names, variables in groups}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the run `one`, made in a clean environment, a study of one cell and a folder of images."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sweeps").mkdir()
    study = {"title": "Tiny", "base": BASE, "rows": [{"label": "baseline", "baseline": True}]}
    (folder / "sweeps" / "tiny.yaml").write_text(json.dumps(study))
    for place in ("train/a", "train/b", "val/a", "val/b"):
        (folder / "images" / place).mkdir(parents=True)
        Image.new("RGB", (20, 20)).save(folder / "images" / place / "0.png")
    ended = _call(["run", *BASE, "--name", "one"], folder, {})
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("variables", _together().values(), ids=_together().keys())
def test_every_heavy_verb_answers_as_in_a_clean_environment(variables: Mapping[str, str], site: Path) -> None:
    for name, (words, answer) in HEAVY_VERBS.items():
        ended = _call(words, site, variables)
        output = (ended.stdout + ended.stderr).decode(errors="replace")
        assert ended.returncode == 0, (name, output)
        assert answer in output, (name, output)
        assert "Traceback" not in output, (name, output)
        assert "Warning" not in output, (name, output)


@pytest.mark.slow
@pytest.mark.parametrize("variables", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_run_has_the_same_numbers_in_every_environment(
    variables: Mapping[str, str], site: Path, tmp_path: Path
) -> None:
    ended = _call(["run", *BASE], tmp_path, variables)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    (run,) = (tmp_path / "runs").iterdir()
    other = read_result(RunFolder(site / "runs" / run.name))
    result = read_result(RunFolder(run))
    assert (result.last, result.best, result.device) == (other.last, other.best, other.device)
    assert (run / "correct.bin").read_bytes() == (site / "runs" / run.name / "correct.bin").read_bytes()


def test_only_what_is_not_ours_is_removed() -> None:
    left = {"PATH": "/bin", "SLURM_CONF": "/etc/slurm.conf", "AN_CLI_STORE": "s", "OMP_NUM_THREADS": "4"}
    environment = dict(left)
    for variables in HOSTILE.values():
        environment = {**variables, **environment}
    clean(environment)
    assert {name: environment[name] for name in left} == left
    removed = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "GIT_DIR", "MPLBACKEND", "PYTHONWARNINGS"}
    assert not removed & set(environment)
    assert not {"SQUEUE_FORMAT", "SLURM_JOB_ID", "SLURM_TIME_FORMAT"} & set(without_slurm(environment))
    assert environment["PYTHONUTF8"] == "1"


@pytest.mark.parametrize(("name", "kept"), [("short", True), ("j" * 120, False), ("missing/folder", False)])
def test_a_temporary_folder_has_room_for_a_sockets_name(name: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        folder = Path(above) / name
        if "missing" not in name:
            folder.mkdir()
        monkeypatch.setenv("TMPDIR", str(folder))
        short_temporary_folder()
        assert (os.environ["TMPDIR"] == str(folder)) is kept
        assert len(os.environ["TMPDIR"]) <= LONGEST_FOLDER


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
        "from an_cli.launch.here.stops import listening\n"
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


def test_a_wait_that_has_no_end_is_left_after_a_stop() -> None:
    code = (
        "import os, signal, threading\n"
        "from an_cli.train.signals import StopFlag\n"
        "StopFlag._patience_s = 0.2\n"
        "stop = StopFlag().install()\n"
        "stop.on_leaving = lambda: print('released', flush=True)\n"
        "with stop.watching():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    threading.Lock().acquire() and threading.Event().wait()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (128 + signal.SIGHUP, "released\n")
    assert "stopped by SIGHUP in a wait" in ended.stderr


@pytest.mark.parametrize(("flags", "printed"), [([], False), (["-W", "default"], True)])
@pytest.mark.parametrize("door", [["an_cli", "paper", "show", "table1"], ["an_cli.worker", "cost"]])
def test_warnings_of_libraries_are_printed_to_those_who_ask_for_them(
    door: list[str], flags: list[str], printed: bool, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import atexit, warnings\natexit.register(warnings.warn, 'deep inside')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, *flags, "-m", *door]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True
    )
    assert (b"deep inside" in ended.stderr) is printed


def test_what_an_encoding_lacks_is_spelled(tmp_path: Path) -> None:
    ended = _call(["paper", "show", "table1"], tmp_path, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert ended.returncode == 0
    assert ended.stdout.isascii()
    assert b"?" not in ended.stdout
    assert b"\\u" not in ended.stdout


@pytest.mark.parametrize("raw", ["\udcff.jpg", "\x1b[31mred", "a\x00b", "é ± 日本", "x" * 300_000])
def test_any_reason_can_be_recorded_and_printed(raw: str) -> None:
    text = printable(raw)
    text.encode()
    assert "\x1b" not in text
    assert "\x00" not in text
    assert len(text) < 101_000


@pytest.mark.parametrize("text", ["a\udcff.jpg", f"{chr(0xDCFF)!r}", "a\udcff\ud800"])
def test_a_byte_that_is_no_utf8_is_printed_as_a_shell_writes_it(text: str) -> None:
    assert r"\xff" in printable(text)
    assert "udcff" not in printable(text)
    assert str(AnError("unreadable", where=text)).count(r"\xff") == 1


def test_streams_and_logs_take_any_name(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from an_cli.environment import open_streams; open_streams()\n"
        "from an_cli.worker.serve import redirect\n"
        "print(sys.argv[1]); redirect(Path('log.txt')); print(sys.argv[1])"
    )
    command = [sys.executable.encode(), b"-c", code.encode(), b"b\xfd\xc3\xa9"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert ended.stdout.decode() == (tmp_path / "log.txt").read_text() == "b\\xfdé\n"


def test_an_error_that_cannot_say_its_text_has_one() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert "no text" in text_of(Mute())


OTHER_USERS_VERBS = [
    ["status", "table1"], ["report", "table1"], ["ablate", "demo"], ["show", "x"], ["logs", "x"],
    ["cancel", "table1"], ["retry", "table1"], ["gc"], ["dashboard"], ["figure", "fig1", "demo"],
]  # fmt: skip
# As another user: root that owns other files and may not look past their permissions.
_AS_ANOTHER = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown"]


def _may_become_another() -> bool:
    return os.geteuid() == 0 and shutil.which("setpriv") is not None


@pytest.mark.skipif(not _may_become_another(), reason="giving up root's powers over files needs root and setpriv")
@pytest.mark.parametrize("readable", [False, True], ids=["umask 077", "umask 022"])
def test_another_users_store_is_read_or_is_one_clear_line_in_every_verb(
    readable: bool, make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    store = tmp_path / "theirs"
    shutil.copytree(make_run(overrides=["seed=0"]).path.parent, store / "runs")
    (store / "studies").mkdir()
    folders, files = (0o755, 0o644) if readable else (0o700, 0o600)
    for path in store.rglob("*"):
        path.chmod(folders if path.is_dir() else files)
        os.chown(path, 12_345, 12_345)
    for words in OTHER_USERS_VERBS:
        command = [*_AS_ANOTHER, sys.executable, "-m", "an_cli", *words, "--store", str(store)]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in ended.stderr, (words, ended.stderr)
        if not readable:
            assert ended.returncode in (1, 2), (words, ended.returncode, ended.stdout, ended.stderr)
            assert len(ended.stderr.strip().splitlines()) == 1, (words, ended.stderr)
            assert str(store) in ended.stderr, (words, ended.stderr)
        elif words[0] == "ablate":
            assert ended.returncode == 1, (words, ended.stdout, ended.stderr)
            assert str(store) in ended.stderr, (words, ended.stderr)
