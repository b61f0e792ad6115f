"""An installed wheel works without a checkout: it carries conf/, sweeps/ and reports/, and finds them.

The whole demo from a wheel in an empty environment is `bash tests/checks/wheel_demo.sh`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from an_cli.plan import load_study, make_plan

ROOT = Path(__file__).parents[1]
SHARED = ("conf", "sweeps", "reports")

# Plans table1 and tells where everything came from. The audit hook sees every file that Python opens or lists.
_PLAN = """
import json, sys
touched = []
events = ("open", "os.listdir", "os.scandir")
sys.addaudithook(lambda event, args: touched.append(str(args[0])) if event in events else None)
import an_cli
from an_cli.config import search_path
from an_cli.plan import load_study, make_plan
study = load_study("table1")
plan = make_plan(study)
shared = {kind: str(search_path.shipped(kind)) for kind in sys.argv[1:]}
ids = [cell.id for cell in plan.cells]
notes = [row.published.label for row in plan.rows]
print(json.dumps({"package": an_cli.__file__, "shared": shared, "ids": ids, "notes": notes, "touched": touched}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_all_that_is_shipped_and_nothing_that_a_run_has_printed(unpacked: Path) -> None:
    for kind in SHARED:
        wanted = {name for name in _files(ROOT / kind) if not name.startswith("build/")}
        assert _files(unpacked / "an_cli" / "share" / kind) == wanted, kind
    package = {name for name in _files(unpacked / "an_cli") if not name.startswith("share/")}
    assert package == _files(ROOT / "an_cli")


def test_the_wheel_holds_nothing_beside_the_package(unpacked: Path) -> None:
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"an_cli"}


def test_the_wheel_carries_both_licenses(unpacked: Path) -> None:
    licenses = next(unpacked.glob("*.dist-info")) / "licenses"
    assert (licenses / "LICENSE").read_text(encoding="utf-8") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert (licenses / "an_cli" / "data" / "embedded" / "LICENSE-fashion-mnist.txt").is_file()


@pytest.fixture(scope="module")
def planned(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the unpacked wheel plans, in a process of its own in an empty folder."""
    done = subprocess.run(
        [sys.executable, "-c", _PLAN, *SHARED],
        cwd=tmp_path_factory.mktemp("empty"),
        env={**os.environ, "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_plan_from_the_wheel_is_the_checkout_s_plan(planned: dict[str, Any]) -> None:
    plan = make_plan(load_study("table1"))
    assert planned["ids"] == [cell.id for cell in plan.cells]
    assert planned["notes"] == [row.published.label for row in plan.rows if row.published]


def test_a_plan_from_the_wheel_uses_no_file_of_the_checkout(planned: dict[str, Any], unpacked: Path) -> None:
    package = unpacked / "an_cli"
    assert planned["package"] == str(package / "__init__.py")
    assert planned["shared"] == {kind: str(package / "share" / kind) for kind in SHARED}
    checkout = [str(ROOT / name) for name in ("an_cli", *SHARED)]
    used = [path for path in planned["touched"] if path.startswith(tuple(checkout))]
    assert not used
    assert any(path.endswith("share/sweeps/table1.yaml") for path in planned["touched"])
