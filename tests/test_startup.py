"""The start-up rule: what a light command may not have imported by the time it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "torchvision", "wandb", "optuna", "pandas", "scipy", "numpy", "submitit"}
COMPOSING = {"hydra", "omegaconf"}

_CALL = """
import json, sys
from an_cli.cli.__main__ import main
status = main(json.loads(sys.argv[1]))
print(json.dumps([status, sorted({name.partition('.')[0] for name in sys.modules})]), file=sys.stderr)
"""


def modules_after(folder: Path, *words: str) -> set[str]:
    """Top-level modules that a command has imported, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", _CALL, json.dumps(words)], cwd=folder, capture_output=True, text=True, check=True
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["status"], ["status", "--json"], ["ablate", "--help"], ["sync", "--help"]]
)
def test_help_and_status_compose_nothing(words: list[str], tmp_path: Path) -> None:
    assert not modules_after(tmp_path, *words) & (HEAVY | COMPOSING)


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "demo", "--no-costs"],
        ["plan", "table1", "--json"],
        ["status", "demo"],
        ["ablate", "demo", "--dry-run"],
        ["status", "attention_demo"],
        ["sweep", "attention_demo", "--dry-run"],
    ],
)
def test_planning_needs_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    assert not modules_after(tmp_path, *words) & HEAVY


def test_reporting_loads_no_tracker(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CALL, json.dumps(["report", "demo"])], cwd=tmp_path, capture_output=True, text=True
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 1, done.stderr  # nothing has run
    assert "scipy" in modules
    assert not {"wandb", "torch"} & set(modules), done.stderr


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import an_cli; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"an_cli"}


def test_load_is_found_when_it_is_asked_for() -> None:
    import an_cli
    from an_cli.report.frame import load

    assert an_cli.load is load
    with pytest.raises(AttributeError, match="lod"):
        an_cli.lod  # noqa: B018


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    import an_cli

    assert an_cli.__version__ == version("an-cli")
