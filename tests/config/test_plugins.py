"""Parts from the user's own packages, as the light wing sees them: metadata and files, no import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from an_cli.config import CellConfig, Composer, plain, read
from an_cli.config.check import check_cell
from an_cli.config.plugins import NORMS, find_plugin, is_installed, plugins_of
from an_cli.errors import ConfigError

_RUINED = "raise RuntimeError('the light wing imported me')\n"
_OWN_NORM = {"standardize": "plugin", "entry_point": "mine", "parameters": {"eps": 1e-3, "taps": [1, 2]}}


def _install(site: Path, name: str, version: str, entry: str, module: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "entry_points.txt").write_text(f"[{NORMS}]\n{entry}\n")
    (site / f"{module}.py").write_text(_RUINED)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    from an_cli.config import plugins

    _install(tmp_path, "ours_norms", "2.1", "mine = ruined:make", "ruined")
    monkeypatch.syspath_prepend(str(tmp_path))
    for remembered in (plugins._installed, plugins._digest):
        remembered.cache_clear()
    yield tmp_path
    for remembered in (plugins._installed, plugins._digest):
        remembered.cache_clear()


@pytest.fixture
def cell(composer: Composer) -> CellConfig:
    return composer.compose(["model=resnet_small", "recipe=demo", "data=fashion_mnist_small"]).cell


def _with(cell: CellConfig, **parts: object) -> CellConfig:
    return read(CellConfig, {**plain(cell), **parts})


def test_a_stamp_names_distribution_version_and_sources_without_importing_them(site: Path) -> None:
    stamp = find_plugin(NORMS, "mine", "norm").stamp
    head, _, digest = stamp.rpartition(" ")
    assert head == "an_cli.norms:mine ours_norms 2.1"
    assert len(digest) == 8
    assert is_installed(stamp)
    assert not is_installed(f"{head} 00000000")
    assert not is_installed("an_cli.norms:gone ours_norms 2.1 00000000")
    assert "ruined" not in sys.modules


def test_a_cell_knows_its_own_parts_and_which_are_not_installed(site: Path, cell: CellConfig) -> None:
    own = _with(cell, norm=_OWN_NORM)
    assert [plugin.entry.value for plugin in plugins_of(check_cell(own))] == ["ruined:make"]
    assert plugins_of(cell) == ()
    assert hash(own.norm) == hash(_with(cell, norm=_OWN_NORM).norm)
    with pytest.raises(ConfigError, match=r"unknown entry point 'mien' \(norm.entry_point\) -> did you mean mine"):
        plugins_of(check_cell(_with(cell, norm={**_OWN_NORM, "entry_point": "mien"})))


def test_a_name_that_two_packages_declare_is_refused(site: Path) -> None:
    _install(site, "other_norms", "1.0", "mine = other:make", "other")
    with pytest.raises(ConfigError, match="declared by other_norms and ours_norms"):
        find_plugin(NORMS, "mine", "norm")


def test_a_package_that_cannot_be_imported_says_so(site: Path) -> None:
    (site / "ruined.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(ConfigError, match="cannot be loaded: No module named 'nothing_of_this_name'"):
        find_plugin(NORMS, "mine", "norm").load({})


def test_parameters_that_a_factory_does_not_take_are_refused_with_what_it_takes(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "ruined.py").write_text("def make(channels, *, slot, stage, eps):\n    return channels * eps\n")
    monkeypatch.delitem(sys.modules, "ruined", raising=False)
    plugin = find_plugin(NORMS, "mine", "norm")
    assert plugin.load({"eps": 3})(2, slot="second", stage=0) == 6
    with pytest.raises(ConfigError, match=r"\(esp\).*'eps'.*norm\.parameters.*make\(channels, \*, slot, stage, eps\)"):
        plugin.load({"esp": 3})(2, slot="second", stage=0)
    monkeypatch.delitem(sys.modules, "ruined")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"norm": {**_OWN_NORM, "eps": 1e-5}}, "unknown key 'eps'"),
        ({"norm": {**_OWN_NORM, "parameters": {"eps": float("nan")}}}, r"nan is no plain value \(norm.parameters.eps"),
        ({"model": {"family": "plugin", "entry_point": "net", "parameters": {}, "stages": 1}}, "recipe.stem"),
    ],
)
def test_fields_that_say_nothing_and_values_that_are_not_plain_are_refused(
    site: Path, cell: CellConfig, parts: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_cell(_with(cell, **parts))
