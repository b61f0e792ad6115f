from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.config import CellConfig, Composer, plain, read, read_cell_quickly
from an_cli.errors import ConfigError
from tests.tiny import TINY


@pytest.fixture(scope="module")
def cell(composer: Composer) -> CellConfig:
    return composer.compose(TINY).cell


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer()


def test_a_config_read_quickly_is_the_one_that_the_strict_reader_reads(composer: Composer) -> None:
    for words in (
        [],
        ["norm=an_gn", "norm.attention.gate=softmax", "seed=3"],
        ["recipe.lr=1"],
        ["recipe.cpu_threads=2"],
    ):
        config = composer.compose([*TINY, *words]).cell
        raw = json.dumps({"config": plain(config), "choices": {"norm": "bn"}}).encode()
        assert read_cell_quickly(raw) == (config, {"norm": "bn"})


def test_configs_share_equal_parts(composer: Composer) -> None:
    found = []
    for seed in (0, 1):
        config = composer.compose([*TINY, f"seed={seed}"]).cell
        read_back = read_cell_quickly(json.dumps({"config": plain(config), "choices": {}}).encode())
        assert read_back is not None
        found.append(read_back[0])
    assert found[0].recipe is found[1].recipe
    assert found[0] != found[1]


@given(where=st.integers(0, 3000), byte=st.integers(0, 255))
def test_what_the_strict_reader_refuses_is_not_read_quickly_either(where: int, byte: int, cell: CellConfig) -> None:
    raw = bytearray(json.dumps({"config": plain(cell), "choices": {}}).encode())
    raw[where % len(raw)] = byte
    quickly = read_cell_quickly(bytes(raw))
    try:
        found = json.loads(raw)
        slowly = read(CellConfig, found["config"]), found["choices"]
    except (ConfigError, ValueError, KeyError, TypeError):
        assert quickly is None
        return
    assert quickly is None or quickly == slowly
