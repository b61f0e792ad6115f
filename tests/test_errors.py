"""Messages in three parts, and the nearest legal word."""

from __future__ import annotations

import json
import pickle

import pytest

from an_cli import errors
from an_cli.errors import AnError, ConfigError, Fenced, StoreError, UsageError, from_value, nearest, to_value

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AnError)]


def test_a_message_says_what_where_and_what_now_in_one_line() -> None:
    error = ConfigError("'softmx' is not a legal word", where="norm.attention.gate", now="legal: softmax")
    assert str(error) == "'softmx' is not a legal word (norm.attention.gate) -> legal: softmax"


def test_a_message_without_place_or_remedy_has_no_empty_parts() -> None:
    assert str(AnError("nothing varies")) == "nothing varies"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_back_from_another_process(kind: type[AnError]) -> None:
    back = pickle.loads(pickle.dumps(kind("what", where="here", now="do")))
    assert (type(back), back.what, back.where, back.now, str(back)) == (kind, "what", "here", "do", "what (here) -> do")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_of_ours_has_its_exit_status_and_explains_itself(kind: type[AnError]) -> None:
    assert kind.exit_code == (2 if kind is UsageError else 1)
    assert kind.__doc__


def test_being_fenced_is_a_store_error() -> None:
    assert issubclass(Fenced, StoreError)


def test_the_nearest_word_is_suggested_first() -> None:
    assert nearest("softmx", ["sigmoid", "softmax"]) == "did you mean softmax? legal: sigmoid, softmax"


def test_nothing_is_suggested_where_nothing_is_close() -> None:
    assert nearest("zzz", ["sigmoid", "softmax"]) == "legal: sigmoid, softmax"


def test_no_legal_word_is_said_as_none() -> None:
    assert nearest("zzz", []) == "legal: (none)"


def test_many_legal_words_are_cut_and_counted() -> None:
    text = nearest("zzz", [f"word{index:02}" for index in range(40)])
    assert "word15, ... (40 in all)" in text
    assert "word16" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_a_pipe_as_the_class_that_it_was(kind: type[AnError]) -> None:
    back = from_value(json.loads(json.dumps(to_value(kind("what", where="here", now="do")))))
    assert (type(back), str(back)) == (kind, "what (here) -> do")


def test_an_error_of_another_version_is_still_an_error_of_ours() -> None:
    back = from_value({"kind": "NovelError", "what": "w", "where": "a key", "now": "n"}, label="row a")
    assert (type(back), str(back)) == (AnError, "w (row a: a key) -> n")
