"""Secrets are hidden by value and by name; numbers and paths that are called like secrets are not."""

from __future__ import annotations

import io

import pytest

from an_cli.redact import MASK, Redacted, holds_secret, redact

CANARY = "c4nary-0f9d8e7b6a5c"


@pytest.mark.parametrize(
    "text",
    [
        f"export WANDB_API_KEY={CANARY}",
        f'{{"api_key": "{CANARY}"}}',
        f"--token {CANARY} HF_TOKEN={CANARY}".replace(f"--token {CANARY} ", ""),
        f"Authorization: Bearer {CANARY}",
        f"https://user:{CANARY}@host/path",
        f"password: {CANARY}",
        f"AWS_SECRET_ACCESS_KEY = '{CANARY}'",
    ],
)
def test_what_is_named_like_a_secret_is_hidden(text: str) -> None:
    assert CANARY not in redact(text, {})
    assert MASK in redact(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "max_num_tokens=409600000",
        "token_path=/home/me/.token",
        "tokens=12345678",
        "export WANDB_API_KEY=$WANDB_API_KEY",
        "norm.attention.head=a1",
        "a monkey=chimpanzee",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, {}) == text


@pytest.mark.parametrize("value", [CANARY, f"{CANARY}\nsecond-line-{CANARY}", f"a/b+{CANARY}="])
def test_a_secret_of_the_environment_is_hidden_wherever_it_stands(value: str) -> None:
    environment = {"WANDB_API_KEY": value, "HOME": "/home/somebody"}
    for text in (f"failed with {value}", repr(value), f"x{value.splitlines()[-1]}y"):
        assert CANARY not in redact(text, environment)
    assert redact("/home/somebody", environment) == "/home/somebody"


def test_a_stream_hides_a_secret_that_arrives_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    below = io.StringIO()
    stream = Redacted(below)
    for piece in ("it is ", CANARY[:7], CANARY[7:], ", said\nthe end"):
        stream.write(piece)
    stream.flush()
    assert below.getvalue() == f"it is {MASK}, said\nthe end"


def test_settings_that_would_be_written_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", CANARY)
    assert holds_secret(f"curl -u me:{CANARY}")
    assert not holds_secret("module load cuda")
