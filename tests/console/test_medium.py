"""What is printed to: widths, and who may have colors."""

from __future__ import annotations

import io

import pytest

from an_cli.console.medium import ansi, medium, shows_colors, width_of

TTY = {"TERM": "xterm-256color"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "tty", "colored"),
    [
        (TTY, True, True),
        (TTY, False, False),
        ({**TTY, "NO_COLOR": "1"}, True, False),
        ({**TTY, "NO_COLOR": ""}, True, True),
        ({**TTY, "NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
        ({**TTY, "FORCE_COLOR": "1"}, False, True),
        ({**TTY, "FORCE_COLOR": "0"}, True, False),
        ({**TTY, "CLICOLOR": "0"}, True, False),
        ({"TERM": "dumb", "CLICOLOR_FORCE": "1"}, False, True),
    ],
)
def test_colors_are_shown_where_they_are_wanted(environment: dict[str, str], tty: bool, colored: bool) -> None:
    assert shows_colors(environment, tty=tty) is colored


@pytest.mark.parametrize(
    ("said", "width"),
    [
        ("80", 80),
        ("", None),
        ("garbage", None),
        ("-5", None),
        ("0", None),
        ("1e3", None),
        ("3", 20),
        ("\u0668\u0660", None),
    ],
)
def test_columns_that_are_no_width_count_for_nothing(
    said: str, width: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", said)
    assert width_of(io.StringIO()) == width


def test_a_pipe_has_no_width_and_no_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    on = medium(io.StringIO())
    assert (on.width, on.paint("text", "bold")) == (None, "text")


def test_a_closed_stream_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    closed = Terminal()
    closed.close()
    assert medium(closed).width is None


def test_a_style_ends_where_its_text_ends() -> None:
    assert ansi("x", "red") == "\x1b[31mx\x1b[0m"
    assert (ansi("", "red"), ansi("x", "")) == ("", "x")
