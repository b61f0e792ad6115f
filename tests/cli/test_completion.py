"""What Tab offers, in bash, which splits words at `=`, and in shells that do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from an_cli.cli.bash import join
from tests.cli.conftest import Call

_CALL = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr))
from an_cli.cli.__main__ import main
main([])
"""
HEAVY = {"torch", "numpy", "pandas", "scipy", "hydra", "omegaconf", "optuna", "wandb", "submitit"}
ROOT = Path(__file__).parents[2]


def offered(folder: Path, **environment: str) -> list[str]:
    """Lines that a shell gets; nothing heavy may be imported for them."""
    done = subprocess.run(
        [sys.executable, "-c", _CALL],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not set(json.loads(done.stderr.splitlines()[-1])) & HEAVY
    return done.stdout.split()


def in_bash(folder: Path, line: str) -> list[str]:
    """What bash offers at the end of a line, whose words it has split."""
    words = line.replace("=", " = ").split()
    at = len(words) if line.endswith(" ") else len(words) - 1
    return offered(folder, _AN_CLI_COMPLETE="complete_bash", COMP_WORDS=" ".join(words), COMP_CWORD=str(at))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("an-cli abl", ["ablate"]),
        ("an-cli ablate ti", ["tiny"]),
        ("an-cli plan ti", ["tiny"]),
        ("an-cli ablate tiny model=resnet5", ["resnet50"]),
        ("an-cli ablate tiny norm=an_", ["an_bn", "an_gn"]),
        ("an-cli run norm=an_bn norm.attention.gate=s", ["sigmoid", "softmax"]),
        ("an-cli plan tiny recipe.nest", ["recipe.nesterov=true", "recipe.nesterov=false"]),
        ("an-cli plan tiny see", ["seed=0", "seed=0,1,2"]),
        ("an-cli plan tiny launch.dev", ["launch.device=auto", "launch.device=cpu", "launch.device=cuda"]),
        ("an-cli report tiny --format=js", ["json"]),
        ("an-cli ablate --rer", ["--rerun"]),
    ],
)
def test_bash_is_offered_what_comes_after_the_last_equals_sign(line: str, expected: list[str], folder: Path) -> None:
    assert in_bash(folder, line) == expected


def test_a_bare_group_offers_its_names_only(folder: Path) -> None:
    names = in_bash(folder, "an-cli ablate tiny model=")
    assert {"resnet50", "resnet101"} <= set(names)
    assert not [name for name in names if "=" in name]


def test_a_new_word_offers_groups_and_where_keys_begin(folder: Path) -> None:
    words = in_bash(folder, "an-cli ablate tiny ")
    assert {"model=resnet50", "norm=bn", "recipe.", "norm."} <= set(words)
    assert "recipe.nesterov=true" not in words


def test_runs_are_offered_by_id_and_by_label(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run_id = next(folder.glob("runs/*")).name
    for verb in ("show", "logs", "cancel"):
        assert in_bash(folder, f"an-cli {verb} {run_id[:6]}") == [run_id]
        assert in_bash(folder, f"an-cli {verb} tiny/gate=so") == ["softmax"]
        assert "tiny/" in in_bash(folder, f"an-cli {verb} ti")


def test_other_shells_are_offered_whole_words(folder: Path) -> None:
    words = offered(
        folder,
        _AN_CLI_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="an-cli ablate tiny model=resnet5",
    )
    assert words == ["model=resnet50"]


@pytest.mark.parametrize(
    ("line", "at", "words", "typed"),
    [
        ("an-cli a b = c", 4, ["an-cli", "a", "b=c"], 2),
        ("an-cli a b =", 3, ["an-cli", "a", "b="], 2),
        ("an-cli a b = c = d", 6, ["an-cli", "a", "b=c=d"], 4),
        ("an-cli a b = c", 5, ["an-cli", "a", "b=c", ""], 0),
        ("an-cli a", 2, ["an-cli", "a", ""], 0),
        ("an-cli a --b = c", 4, ["an-cli", "a", "--b=c"], 0),
    ],
)
def test_words_that_bash_split_are_joined(line: str, at: int, words: list[str], typed: int) -> None:
    assert join(line.split(), at) == (words, typed)
