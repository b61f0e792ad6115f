"""The project's own files agree with each other: pins, versions, the one CI command, the license."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _pins() -> dict[str, Requirement]:
    words = _pyproject()["tool"]["uv"]["constraint-dependencies"]
    return {(found := Requirement(word)).name: found for word in words}


def test_constraints_txt_is_the_pins_of_pyproject() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins == _pyproject()["tool"]["uv"]["constraint-dependencies"], "run python tests/checks/write_constraints.py"


def test_every_pin_is_one_exact_version() -> None:
    for pin in _pins().values():
        assert re.fullmatch(r"==[0-9a-z.+]+", str(pin.specifier)), str(pin)


def test_every_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    project = _pyproject()
    extras = project["project"].get("optional-dependencies", {})
    wanted = [
        *project["project"]["dependencies"],
        *(word for words in extras.values() for word in words),
        *project["dependency-groups"]["dev"],
    ]
    pins = _pins()
    for requirement in map(Requirement, wanted):
        assert requirement.name in pins, f"{requirement.name} has no pin"
        version = str(pins[requirement.name].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} does not allow its pin {version}"


def test_the_changelog_opens_with_this_version() -> None:
    headings = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == _pyproject()["project"]["version"]


def test_the_license_is_the_whole_apache_license() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert _pyproject()["project"]["license"] == "Apache-2.0"


def test_ci_ends_with_the_documented_test_command() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1] == "uv run pytest"
    assert "uv run pytest" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert os.access(script, os.X_OK)


def test_contributing_fits_on_one_screen_and_its_words() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 72


def test_contributing_lists_every_check_that_is_not_run_with_the_tests() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    checks = {path.stem for path in (ROOT / "tests" / "checks").iterdir() if path.suffix in (".py", ".sh")}
    assert checks - {"__init__"} == set(re.findall(r"`(?:bash|python)(?: -m)? tests[/.]checks[/.](\w+)", text))
