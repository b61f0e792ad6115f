"""docs/dashboard.md: its Python runs, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from an_cli.cli.app import app
from tests.report.store_by_hand import small_store

TEXT = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_store(tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    names: dict[str, object] = {}
    exec(compile(code, "docs/dashboard.md", "exec"), names)
    assert names["by_gate"].loc["softmax", "mean"] == pytest.approx(22.125)  # type: ignore[attr-defined]
    assert names["by_epoch"].loc[0] == pytest.approx(42.0, abs=10)  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", re.findall(r"^    (an-cli .*?)(?:\s+#.*)?$", TEXT, re.M))
def test_every_command_parses(line: str) -> None:
    words = line.split()[1:]
    command = typer.main.get_command(app)
    verb = command.commands[words[0]]  # type: ignore[attr-defined]
    assert verb.make_context(words[0], words[1:]).params
