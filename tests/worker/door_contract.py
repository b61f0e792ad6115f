"""What every verb of the heavy door owes to who asks: a class of tests that each verb inherits, with one fixture.

A request that cannot be answered is no bug: it is answered with the error's class and its three parts, in one line, by
an exit status that the verb promises, and leaves nothing behind.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from an_cli.errors import AnError, LaunchError, from_value
from an_cli.launch import Door
from tests.warm_door import warm_door


@dataclass(frozen=True)
class Bad:
    """What a verb must refuse: a request, the class of the error, and a piece of its text."""

    request: Mapping[str, Any]
    kind: type[AnError]
    piece: str


@dataclass(frozen=True)
class Ended:
    """How the process ended."""

    status: int
    answers: list[dict[str, Any]]
    stderr: str
    left_behind: list[str]


def ask_door(verb: str, folder: Path, *words: str, requests: tuple[object, ...] = ()) -> Ended:
    """Start a verb in a folder with requests as JSON lines, and wait for its end."""
    done = subprocess.run(
        [*warm_door(), verb, *words],
        input="".join(f"{json.dumps(request)}\n" for request in requests),
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return Ended(done.returncode, answers, done.stderr, sorted(path.name for path in folder.rglob("*")))


class DoorVerbContract:
    """Inherit it, name the `verb` and its exit `status`, and give the fixture `bad`."""

    verb: str
    status = 1  # a verb of many requests ends with 0: each has its own answer

    @pytest.fixture
    def bad(self) -> Bad:
        raise NotImplementedError

    @pytest.fixture
    def ended(self, bad: Bad, tmp_path: Path) -> Ended:
        folder = tmp_path / "empty"
        folder.mkdir()
        return ask_door(self.verb, folder, requests=(bad.request,))

    def test_it_is_answered_in_one_line_with_the_class_what_where_and_what_now(self, ended: Ended, bad: Bad) -> None:
        (answer,) = ended.answers
        error = answer["error"]
        assert error["kind"] == bad.kind.__name__
        assert error["what"]
        assert error["where"]
        assert bad.piece in " ".join(error.values())
        assert "\n" not in str(from_value(error))

    def test_its_exit_status_is_as_promised_and_no_traceback_stands_beside(self, ended: Ended) -> None:
        assert ended.status == self.status
        assert "Traceback" not in ended.stderr

    def test_it_leaves_nothing_behind(self, ended: Ended) -> None:
        assert ended.left_behind == []

    def test_who_asks_can_raise_it_as_the_class_that_it_was(self, bad: Bad) -> None:
        with pytest.raises(bad.kind, match=bad.piece):
            Door(command=warm_door()).ask_about(self.verb, bad.request)

    def test_a_request_that_is_no_json_ends_it_with_a_launch_error_for_who_asks(self, tmp_path: Path) -> None:
        """It is our bug, and not answered; it must not be taken for an answer."""
        broken = tmp_path / "door"
        broken.write_text('#!/bin/sh\nread -r line\necho "{" | "$@"\n')
        broken.chmod(0o755)
        with pytest.raises(LaunchError, match=rf"{self.verb}.*ended with exit status"):
            Door(command=(str(broken), *warm_door())).ask(self.verb, ["any"])
