"""What a backbone's config, and the recipe that shapes it, may not say; and what composing uses up of it."""

from __future__ import annotations

import pytest

from an_cli.config import Composer, plain
from an_cli.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=mobilenet_v2", "recipe.stem=conv7x7"], r"recipe\.stem.*its stem is conv3x3"),
        (["model=aognet_12m", "recipe.shortcut=strided"], r"aognet has no strided shortcut"),
        (["model=resnet50", "recipe.shortcut=null"], r"a ResNet has strided shortcuts"),
        (["model=aognet_12m", "model.grids=[2,2,4,3]"], r"stage 4 splits 512 channels into 3 slots"),
        (["model=mobilenet_v2", "model.strides=[1,2]"], r"2 strides for 7 stages"),
        (["model=mobilenet_v2", "model.dropout=1.5"], r"1\.5 is not in \[0, 1\)"),
        (["model=resnet50", "model.family=resnt"], r"did you mean resnet"),
        (["model=resnet50", "model.family=aognet"], r"unknown key 'expansion'"),
        (["model=resnet50", "model.width_factor=0"], r"0 is not a positive number"),
        (["model=resnet50", "model.width_factor=wide"], r"'wide' is not a positive number"),
        (["model=aognet_12m", "model.bottleneck=2"], r"2\.0 is not in \(0, 1\]"),
        (["model=aognet_12m", "model.splits=[left,right,left,middle]"], r"'middle' is not a legal word.*splits\[3\]"),
        (["model=resnet50", "norm=bn_se", "norm.attention.reduction=0"], r"norm\.attention\.reduction"),
        (["model=resnet50", "norm.standardize=sn"], r"sn under attention"),
        (["model=mobilenet_v2", "recipe=sota"], r"recipe 'sota' has no settings for model 'mobilenet_v2'"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_its_key(words: list[str], message: str, composer: Composer) -> None:
    with pytest.raises(ConfigError, match=message):
        composer.compose(words)


@pytest.mark.parametrize("model", ["resnet50", "mobilenet_v2", "aognet_40m"])
def test_a_width_factor_of_one_changes_nothing_and_leaves_no_trace(model: str, composer: Composer) -> None:
    one, bare = (composer.compose([f"model={model}", *more]).cell for more in (["model.width_factor=1"], []))
    assert one == bare
    assert not {"width_factor", "components"} & set(plain(bare.model))


@pytest.mark.parametrize(
    ("model", "factor", "widths", "stem"),
    [
        ("resnet50", 0.5, [32, 64, 128, 256], 32),
        ("resnet101", 0.1, [8, 16, 24, 48], 8),  # 6.4 rounds up to 8; 51.2 to 48
        ("mobilenet_v2", 1.4, [24, 32, 48, 88, 136, 224, 448], 48),
        ("aognet_12m", 0.5, [64, 128, 256, 416], 16),
    ],
)
def test_a_width_factor_scales_to_multiples_of_eight(
    model: str, factor: float, widths: list[int], stem: int, composer: Composer
) -> None:
    scaled = composer.compose([f"model={model}", f"model.width_factor={factor}"]).cell.model
    assert list(scaled.widths) == widths
    assert scaled.stem_width == stem


def test_a_network_of_half_the_width_is_the_one_with_those_widths(composer: Composer) -> None:
    factor = composer.compose(["model=resnet50", "model.width_factor=0.5"]).cell
    written = composer.compose(["model=resnet50", "model.widths=[32,64,128,256]", "model.stem_width=32"]).cell
    assert factor == written
