"""The released recipes, model by model (the paper's Section 4.2 says less, and in places otherwise)."""

from __future__ import annotations

import itertools

import pytest

from an_cli.config import Composer, plain

# Model, recipe: epochs, replicas x batch, peak learning rate, weight decay, label smoothing, mixup, zero-gamma, stem,
# shortcut.
_RELEASED = """
resnet50      vanilla  120  8x128  0.4  1e-4  0    0    true   conv7x7  strided
resnet101     vanilla  120  8x128  0.4  1e-4  0    0    true   conv7x7  strided
resnet50      sota     200  8x128  0.4  1e-4  0.1  0.2  true   deep3x3  average_pool
resnet101     sota     200  8x128  0.4  1e-4  0.1  0.2  true   deep3x3  average_pool
aognet_12m    vanilla  120  8x256  0.8  1e-4  0    0    false  deep3x3  null
aognet_12m    sota     200  8x256  0.8  1e-4  0.1  0.2  false  deep3x3  null
aognet_40m    vanilla  120  8x128  0.4  1e-4  0    0    false  deep3x3  null
aognet_40m    sota     200  8x128  0.4  1e-4  0.1  0.2  false  deep3x3  null
mobilenet_v2  vanilla  150  8x128  0.2  4e-5  0    0    false  conv3x3  null
"""


@pytest.mark.parametrize("line", _RELEASED.split("\n")[1:-1], ids=lambda line: "-".join(line.split()[:2]))
@pytest.mark.parametrize("norm", ["bn", "an_bn"])
def test_recipes_are_the_released_ones(line: str, norm: str, composer: Composer) -> None:
    model, name, epochs, batch, lr, decay, smoothing, mixup, zero_gamma, stem, shortcut = line.split()
    recipe = composer.compose([f"model={model}", f"recipe={name}", f"norm={norm}"]).cell.recipe
    assert recipe.epochs == int(epochs)
    assert f"{recipe.replicas}x{recipe.batch_per_replica}" == batch
    assert (recipe.lr, recipe.weight_decay) == (float(lr), float(decay))
    assert (recipe.label_smoothing, recipe.mixup_alpha) == (float(smoothing), float(mixup))
    assert (recipe.zero_gamma, recipe.stem) == (zero_gamma == "true", stem)
    assert recipe.shortcut == (None if shortcut == "null" else shortcut)
    assert (recipe.warmup_epochs, recipe.momentum, recipe.nesterov) == (5, 0.9, False)
    assert (recipe.interpolation, recipe.augment) == ("bilinear", "random_resized_crop")
    assert recipe.weight_decay_on_norm


@pytest.mark.parametrize(
    ("model", "recipe"),
    [
        *itertools.product(("resnet_small", "aognet_small"), ("vanilla", "sota", "demo")),
        *itertools.product(("mobilenet_small",), ("vanilla", "demo")),  # MobileNet-v2 has no state-of-the-art setup
    ],
)
def test_small_networks_have_every_recipe_on_embedded_images(model: str, recipe: str, composer: Composer) -> None:
    cell = composer.compose([f"model={model}", f"recipe={recipe}", "data=fashion_mnist_small"]).cell
    assert (cell.recipe.stem, cell.recipe.augment) == ("conv3x3", "shift_flip")
    assert cell.recipe.zero_gamma == (model == "resnet_small"), "as in the large networks"
    assert cell.recipe.weight_decay == (4e-5 if model == "mobilenet_small" else 1e-4)


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["model=resnet50"], "recipe.zero_gamma", False),
        (["model=mobilenet_v2"], "recipe.epochs", 120),
        (["model=aognet_12m", "norm=bn"], "recipe.interpolation", "bicubic"),
        (["model=aognet_40m", "norm=bn"], "recipe.nesterov", True),
        (["model=aognet_12m", "recipe=sota"], "recipe.zero_gamma", True),
    ],
)
def test_the_papers_wording_and_the_released_exceptions_are_one_override_away(
    words: list[str], key: str, value: object, composer: Composer
) -> None:
    changed = composer.compose([*words, f"{key}={value}"]).cell
    assert plain(changed)["recipe"] == {**plain(composer.compose(words).cell)["recipe"], key.split(".")[1]: value}


def test_the_papers_half_precision_is_two_overrides_away(composer: Composer) -> None:
    recipe = composer.compose(["model=resnet50", "recipe.precision=fp16", "recipe.loss_scale=128"]).cell.recipe
    assert (recipe.precision, recipe.loss_scale) == ("fp16", 128.0)
