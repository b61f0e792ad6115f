"""Help: every verb in a group, with a summary that is not cut and examples that are legal."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from an_cli.cli.app import app
from an_cli.cli.help import EXAMPLES, LONGEST, SUMMARIES
from tests.cli.conftest import Call

GROUP: Any = typer.main.get_command(app)
COMMANDS = {
    f"{name} {below}".strip(): under
    for name, command in GROUP.commands.items()
    for below, under in (command.commands.items() if hasattr(command, "commands") else [("", command)])
}


def test_every_verb_stands_in_a_group_with_its_whole_summary(call: Call) -> None:
    assert set(SUMMARIES) == set(GROUP.commands)
    assert max(len(summary) for _, summary in SUMMARIES.values()) <= LONGEST
    page = call("--help").out
    lines = page.splitlines()
    assert max(map(len, lines)) <= 80
    assert "..." not in page.partition("Plan and run:")[2]
    for name, (title, summary) in SUMMARIES.items():
        assert f"{title}:" in lines
        assert [line for line in lines if line.split()[:1] == [name] and line.endswith(summary)], name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_has_examples_that_its_parser_takes(call: Call, folder: Path, name: str) -> None:
    page = call(*name.split(), "--help").out
    for example in EXAMPLES[name]:
        assert f"    {example}" in page.splitlines(), example
        words = shlex.split(example.partition(" > ")[0])[1:]
        assert words[: len(name.split())] == name.split()
        with COMMANDS[name].make_context(name, words[len(name.split()) :]):
            pass


@pytest.mark.parametrize(
    "name", [name for name in EXAMPLES if name in ("plan", "studies", "status", "paper show", "gc")]
)
def test_examples_that_need_no_run_work(call: Call, name: str) -> None:
    for example in EXAMPLES[name]:
        words = [word for word in shlex.split(example)[1:] if word != "--watch"]
        assert call(*words, *(["--no-costs"] if name == "plan" else [])).status == 0, example
