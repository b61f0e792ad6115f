"""`KEY=VALUE` words: what is legal, and the way there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.config.overrides import parse, spell
from an_cli.errors import ConfigError

TEXT = st.text(st.sampled_from("abn1 \\'\",=[]{}:$#\t.é-+~@%()"), max_size=6)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("norm=bn", ("bn",)),
        ("seed=3", (3,)),
        ("recipe.lr=1e-4", (1e-4,)),
        ("recipe.nesterov=true", (True,)),
        ("recipe.cpu_threads=null", (None,)),
        ("data.folder='my data'", ("my data",)),
        ("norm.attention.components=[5,5,10,10]", ([5, 5, 10, 10],)),
        ("norm=bn,an_bn", ("bn", "an_bn")),
        ("seed=range(0,3)", (0, 1, 2)),
        ("recipe.lr=range(0.1,0.4,0.1)", (0.1, 0.2, 0.3)),
        ("recipe.lr=range(0.4,0.1,-0.1)", (0.4, 0.3, 0.2)),
        ("recipe.lr=sort(range(0.1,0.4,0.1),reverse=true)", (0.3, 0.2, 0.1)),
        ("recipe.epochs=sort(range(2,7,2),reverse=true)", (6, 4, 2)),
        ("recipe.epochs=sort(range(7,2,-2))", (3, 5, 7)),
        ("recipe.lr=float(range(1,3))", (1.0, 2.0)),
        ("seed=range(3)", (0, 1, 2)),
        ("norm.attention={gate: softmax}", ({"gate": "softmax"},)),
    ],
)
def test_a_word_names_its_values(text: str, values: tuple[object, ...]) -> None:
    word = parse(text)
    assert (word.key, word.values, word.text) == (text.split("=")[0], values, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("norm", "'norm' is not an override -> write KEY=VALUE"),
        ("=bn", "'=bn' is not an override"),
        ("recipe.lr=[1", "cannot read override 'recipe.lr=[1'"),
        ("+recipe.lrr=1", "adds or deletes a key (recipe.lrr)"),
        ("++recipe.lr=1", "adds or deletes a key"),
        ("~norm=bn", "adds or deletes a key"),
        ("norm@model=bn", "names a package"),
        ("seed=range(3,3)", "holds 0 values"),
        ("seed=range(0,3,0)", "a step that is not 0"),
        ("seed=range(1000000000)", "holds 1000000000 values"),
        ("seed=shuffle(range(3))", "has no order of its own"),
        ("seed=shuffle(0,1,2)", "has no order of its own"),
        ("recipe.lr=interval(0,1)", "is not a finite set of values"),
    ],
)
def test_what_is_no_override_is_said_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_values_where_one_is_meant_point_to_the_grid() -> None:
    with pytest.raises(ConfigError, match=r"names 2 values where one is meant .*--as NAME"):
        _ = parse("recipe.lr=0.1,0.2").value


@given(SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=2))
def test_a_spelled_value_parses_back(value: object) -> None:
    assert parse(spell("key", value)).values == (value,)


@pytest.mark.parametrize(("value", "text"), [("softmax", "k=softmax"), ("null", "k='null'"), ([1, 2.5], "k=[1,2.5]")])
def test_a_value_is_spelled_as_a_person_would(value: object, text: str) -> None:
    assert spell("k", value) == text


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("launch.data_root=~/data", "~/data"),
        ("launch.data_root=/data/中文", "/data/中文"),
        ("launch.data_root=/data/a#b", "/data/a#b"),
        ("launch.data_root=/data/100%/a b", "/data/100%/a b"),
        ("launch.data_root=/a=b", "/a=b"),
        ("launch.exclude=node[01-03]", "node[01-03]"),
        ("launch.exclude=node[01-03],node7", "node[01-03],node7"),
        ("launch.exclude=a,b", "a,b"),
        ("launch.data_root='/data/中文'", "/data/中文"),
        ("data.folder=im@ges", "im@ges"),
        ("launch.sbatch=[reservation=paper,exclusive]", ["reservation=paper", "exclusive"]),
    ],
)
def test_paths_and_words_are_taken_as_typed(word: str, value: object) -> None:
    assert parse(word).value == value


@pytest.mark.parametrize("word", ["norm=glob(*)", "norm=glob(an*)", "recipe.lr=interval(0,1)"])
def test_what_is_no_finite_set_is_refused_in_a_sentence(word: str) -> None:
    with pytest.raises(ConfigError, match="is not a finite set of values") as caught:
        parse(word)
    assert "name them: KEY=a,b" in caught.value.now
