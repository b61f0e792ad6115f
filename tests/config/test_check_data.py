"""What a data set, and the batches that a norm takes from it, may not be."""

from __future__ import annotations

import pytest

from an_cli.config import Composer
from an_cli.errors import ConfigError
from tests.tiny import TINY

FASHION = ("model=resnet_small", "recipe=demo", "data=fashion_mnist_small")


@pytest.mark.parametrize(("key", "value"), [("classes", 9), ("image_size", 32), ("train_samples", 10_001)])
def test_other_images_than_those_embedded_are_refused_before_anything_starts(
    key: str, value: int, composer: Composer
) -> None:
    with pytest.raises(ConfigError) as caught:
        composer.compose([*FASHION, f"data.{key}={value}"])
    assert str(value) in caught.value.what
    assert caught.value.where == f"data.{key}"
    assert caught.value.now


@pytest.mark.parametrize(
    ("n", "replicas", "batch"), [(17, 1, 8), (34, 2, 8), (33, 2, 4), (1, 1, 2), (40, 1, 1), (40, 40, 4)]
)
def test_a_batch_of_one_sample_under_head_a2_is_refused(n: int, replicas: int, batch: int, composer: Composer) -> None:
    words = [*TINY, f"data.train_samples={n}", f"recipe.replicas={replicas}", f"recipe.batch_per_replica={batch}"]
    with pytest.raises(ConfigError) as caught:
        composer.compose(words)
    assert f"{n} training samples on {replicas} replica(s) in batches of {batch}" in caught.value.what
    assert caught.value.where == "recipe.batch_per_replica"
    assert "sizes that work" in caught.value.now


def test_the_sizes_that_a_refusal_names_do_work(composer: Composer) -> None:
    words = [*TINY, "data.train_samples=17"]
    with pytest.raises(ConfigError) as caught:
        composer.compose(words)
    assert "sizes that work: 7 or 9;" in caught.value.now
    for size in (7, 9):
        assert composer.compose([*words, f"recipe.batch_per_replica={size}"])


@pytest.mark.parametrize("other", [["norm=gn"], ["norm=bn"], ["norm.attention.head=a1"], ["norm=an_gn"]])
def test_one_sample_is_enough_for_what_does_not_normalize_over_the_batch(other: list[str], composer: Composer) -> None:
    tiny = [word for word in TINY if not word.startswith("norm.")]
    words = ["norm.attention.components=[2,2,3,3]"] if "norm=bn" not in other and "norm=gn" not in other else []
    assert composer.compose([*tiny, *other, *words, "data.train_samples=17"])
