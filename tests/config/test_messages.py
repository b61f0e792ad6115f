"""What a user typed, and what is said: the word as it must be typed."""

from __future__ import annotations

import pytest

from an_cli.config import compose
from an_cli.errors import AnError
from an_cli.plan import load_study


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("lr=0.1", "did you mean recipe.lr?"),
        ("gate=softmax", "did you mean norm.attention.gate?"),
        ("activation=softmax", "did you mean norm.attention.gate?"),
        ("norm.gate=softmax", "did you mean norm.attention.gate?"),
        ("epochs=3", "did you mean recipe.epochs?"),
        ("batch_size=3", "did you mean recipe.batch_per_replica?"),
        ("recipe.batch_size=3", "did you mean recipe.batch_per_replica?"),
        ("gpus=2", "did you mean launch.gpus?"),
        ("launch.num_workers=2", "did you mean launch.loader_workers?"),
        ("recipe.lrr=0.1", "did you mean recipe.lr?"),
        ("launch.device=gpu", "did you mean cuda?"),
        ("model=resnet18", "a model of your own: docs/your-own-part.md"),
    ],
)
def test_a_key_as_labels_or_other_tools_spell_it_is_known(word: str, said: str) -> None:
    with pytest.raises(AnError) as caught:
        compose([word])
    assert said in str(caught.value)


@pytest.mark.parametrize("word", ["recipe.optimizer=adam", "recipe.init=kaiming"])
def test_what_there_is_not_is_not_taken_for_something_else(word: str) -> None:
    with pytest.raises(AnError) as caught:
        compose([word])
    assert "did you mean" not in str(caught.value)
    assert "recipe.lr" in str(caught.value)


@pytest.mark.parametrize("word", ["seeds=0,1,2", "seed=0-2", "seed=0..2"])
def test_seeds_are_written_as_a_list(word: str) -> None:
    with pytest.raises(AnError, match="seed=0,1,2"):
        load_study("demo", [word])
