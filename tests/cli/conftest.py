"""Command lines called in this process, in an empty folder, with the heavy door replaced by a scripted one."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import an_cli.cli
from an_cli.cli.__main__ import main
from tests.tiny import TINY

FAKE = (sys.executable, str(Path(__file__).parents[1] / "launch" / "fake_door.py"))
BASE = [word for word in TINY if not word.startswith("launch.")]

# Commands import what they need when they are called. One that is called for the first time while a test has replaced
# something would keep the replacement, and the tests after it in this process would meet that.
for module in pkgutil.walk_packages(an_cli.cli.__path__, "an_cli.cli."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with one study, `tiny`, of three rows."""
    monkeypatch.chdir(tmp_path)
    for name in ("AN_CLI_STORE", "AN_CLI_DATA"):
        monkeypatch.delenv(name, raising=False)
    rows = [
        {"label": "hsigmoid", "baseline": True},
        {"label": "softmax", "set": ["norm.attention.gate=softmax"]},
        {"label": "mean", "set": ["norm.attention.squeeze=mean"]},
    ]
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "tiny.yaml").write_text(json.dumps({"title": "Tiny", "base": BASE, "rows": rows}))
    return tmp_path


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command line against the scripted heavy door."""
    monkeypatch.setattr("an_cli.launch.ask.door.WORKER", FAKE)

    def invoke(*words: str) -> Ended:
        status = main(words)
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return invoke
