"""Every verb of the heavy door that answers, proven by one contract; and what those that train say of a bad folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from an_cli.config import Composed, Composer, plain
from an_cli.errors import ConfigError, DataError, StoreError
from an_cli.worker.__main__ import USAGE
from tests.tiny import TINY
from tests.worker.door_contract import Bad, DoorVerbContract, ask_door

ANSWERING = {"cost", "model", "data", "evaluate", "import"}
LISTING = {"smoke", "strip"}  # an answer per run folder, with the error as a text for a table's line
TRAINING = {"run", "job", "node", "serve"}


@pytest.fixture(scope="session")
def tiny(composer: Composer) -> Composed:
    return composer.compose(TINY)


@pytest.fixture(scope="session")
def misspelled(tiny: Composed) -> dict[str, Any]:
    """A cell's config with a word that no reader takes."""
    config: dict[str, Any] = plain(tiny.cell)
    return {**config, "model": {**config["model"], "family": "resnt"}}


class TestCost(DoorVerbContract):
    verb, status = "cost", 0

    @pytest.fixture
    def bad(self, misspelled: dict[str, Any]) -> Bad:
        return Bad({"key": "a", "config": misspelled}, ConfigError, "did you mean resnet")


class TestModel(DoorVerbContract):
    verb = "model"

    @pytest.fixture
    def bad(self, misspelled: dict[str, Any]) -> Bad:
        return Bad(misspelled, ConfigError, "did you mean resnet")


class TestDataVerify(DoorVerbContract):
    verb = "data"

    @pytest.fixture
    def bad(self, tmp_path: Path) -> Bad:
        return Bad({"do": "verify", "path": str(tmp_path / "gone"), "decode": False}, DataError, "no such folder")


class TestDataPrepare(DoorVerbContract):
    verb = "data"

    @pytest.fixture
    def bad(self, tmp_path: Path) -> Bad:
        folders = {"source": str(tmp_path / "gone"), "target": str(tmp_path / "empty" / "shards")}
        return Bad({"do": "prepare", **folders, "shards": 2}, DataError, "no folder train/")


class TestEvaluate(DoorVerbContract):
    verb = "evaluate"

    @pytest.fixture
    def bad(self, tiny: Composed, tmp_path: Path) -> Bad:
        request = {
            "config": plain(tiny.cell), "launch": plain(tiny.launch), "threads": 1, "run": str(tmp_path / "gone"),
            "file": None, "epoch": "last", "ema": False, "out": None, "record": False,
        }  # fmt: skip
        return Bad(request, StoreError, "no readable weights")


class TestImport(DoorVerbContract):
    verb = "import"

    @pytest.fixture
    def bad(self, tiny: Composed, tmp_path: Path) -> Bad:
        request = {
            "config": plain(tiny.cell), "choices": {}, "file": str(tmp_path / "gone.pt"), "ema": False,
            "out": str(tmp_path / "empty" / "out.pt"), "store": None,
        }  # fmt: skip
        return Bad(request, DataError, "cannot be read as weights")


def test_every_verb_has_its_contract() -> None:
    verbs = set(re.findall(r"an_cli\.worker (\w+)", USAGE))
    assert verbs == ANSWERING | LISTING | TRAINING
    proven = {kind.verb for kind in DoorVerbContract.__subclasses__()}
    assert proven == ANSWERING


@pytest.mark.parametrize("verb", sorted(LISTING))
def test_a_verb_that_lists_runs_answers_a_line_for_each_that_is_not_there(verb: str, tmp_path: Path) -> None:
    folders = [str(tmp_path / "gone"), str(tmp_path / "gone too")]
    ended = ask_door(verb, tmp_path, requests=tuple({"run": folder} for folder in folders))
    assert ended.status == 0
    assert [answer["run"] for answer in ended.answers] == folders
    assert all("\n" not in str(answer["error"]) for answer in ended.answers)
    assert "Traceback" not in ended.stderr
    assert ended.left_behind == []
    if verb == "smoke":
        assert [answer["error"] for answer in ended.answers] == ["no such run folder"] * 2


def test_a_run_of_no_folder_is_refused_in_one_line_and_none_is_made(tmp_path: Path) -> None:
    ended = ask_door("run", tmp_path, str(tmp_path / "gone"))
    assert ended.status == 1
    assert ended.stderr.splitlines() == [
        f"no such run folder ({tmp_path / 'gone'}) -> an-cli ablate or an-cli run prepares it"
    ]
    assert ended.left_behind == []


def test_a_folder_that_is_no_run_fails_with_its_reason_on_disk(tmp_path: Path) -> None:
    ended = ask_door("run", tmp_path, str(tmp_path))
    assert ended.status == 1
    assert "cannot read cell.json" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "error.txt").read_text().startswith("cannot read cell.json")


def test_a_server_outlives_a_run_that_is_not_there(tmp_path: Path) -> None:
    ended = ask_door("serve", tmp_path, requests=({"run": str(tmp_path / "gone")},))
    assert ended.status == 0
    assert [answer["event"] for answer in ended.answers] == ["ready", "started", "exited"]
    assert ended.answers[-1]["exit"] == 1
    assert ended.left_behind == []
