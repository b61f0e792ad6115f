"""Command lines called in this process, in an empty folder, with the heavy door replaced by a scripted one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from an_cli.cli.__main__ import main
from an_cli.launch import Door
from tests.tiny import TINY

FAKE = (sys.executable, str(Path(__file__).parents[1] / "launch" / "fake_door.py"))
BASE = [word for word in TINY if not word.startswith("launch.")]


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
    fake = partial(Door, command=FAKE)
    for place in ("an_cli.cli.ablating.Door", "an_cli.cli.running.Door", "an_cli.launch.costs.Door"):
        monkeypatch.setattr(place, fake)
    monkeypatch.setattr("an_cli.launch.Door", fake)

    def invoke(*words: str) -> Ended:
        status = main(words)
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return invoke
