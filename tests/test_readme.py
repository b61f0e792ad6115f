"""Every command and every snippet of the README is run, so that none of it can grow old.

Studies that train are shrunk to the size of a test; the demo at its real size is tests/checks/wheel_demo.sh.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SHRUNK = ["recipe.epochs=2", "data.train_samples=60", "data.eval_samples=20", "recipe.batch_per_replica=20"]
SET_UP = ["pip install uv", "uv run pytest"]  # what has brought this test to run


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's working directory: the study files that the README shows, and an empty ImageNet's place."""
    desk = tmp_path_factory.mktemp("desk")
    for block in blocks("yaml"):
        name = block.splitlines()[0].removeprefix("# ").strip()
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / name).write_text(block, encoding="utf-8")
    return desk


def run(words: list[str], desk: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "120", "AN_CLI_STORE": str(desk)}
    return subprocess.run(
        [sys.executable, *words], cwd=desk, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_readme_says_how_to_set_up_in_two_commands() -> None:
    assert commands()[:2] == ["pip install uv", "uv run an-cli ablate demo"]
    assert "uv run pytest" in commands()


def shrink(words: list[str]) -> list[str]:
    """The words with what makes them small; a run of the demo is then found under the name of the small demo."""
    if "demo" in words[:2]:
        return [*words, *SHRUNK]
    # One training of a study is enough; the others are planned to the last cell.
    words = [word.replace("demo/", f"{small_demo()}/") for word in words]
    plans = words[0] == "ablate" and not {"--dry-run", "slurm"} & set(words)
    return [*words, "--dry-run"] if plans else words


def small_demo() -> str:
    from an_cli.plan import load_study, make_plan

    return make_plan(load_study("demo", SHRUNK)).folder


@pytest.mark.parametrize("line", [line for line in commands() if line not in SET_UP])
def test_a_command_of_the_readme_runs(line: str, desk: Path) -> None:
    uv, verb, program, *words = shlex.split(line)
    assert (uv, verb, program) == ("uv", "run", "an-cli")
    if "slurm" in words:  # really submitting is for tests/slurm; this one is planned
        words = [word for word in words if word not in ("--on", "slurm", "--detach")]
    done = run(["-m", "an_cli", *shrink(words)], desk)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "a command of the README prints something"


def test_the_python_of_the_readme_runs_on_what_the_commands_left(desk: Path) -> None:
    if not (desk / "runs").is_dir():
        assert run(["-m", "an_cli", "ablate", "demo", *SHRUNK], desk).returncode == 0
    for block in blocks("python"):
        done = run(["-c", block], desk)
        assert done.returncode == 0, done.stderr
        assert "rsd" in done.stdout


def test_the_table_of_the_readme_has_the_rows_of_the_study() -> None:
    from an_cli.plan import load_study

    table = README.partition("What it printed here:")[2].partition("What this table shows")[0]
    for row in load_study("demo").rows:
        assert row.label in table
