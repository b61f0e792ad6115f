"""A whole experiment from a file: what `show RUN --yaml` prints, or a `cell.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from an_cli.config.check import check_cell
from an_cli.config.compose import GROUPS, Composed, compose, set_key
from an_cli.config.overrides import parse
from an_cli.config.reader import read
from an_cli.config.schema import CellConfig
from an_cli.errors import ConfigError
from an_cli.files import read_json, read_yaml

_ENVELOPE = {"config", "choices"}


def compose_file(path: Path, overrides: Sequence[str] = ()) -> Composed:
    """The experiment that a file holds; nothing of `conf/` enters it, so that it has the id that it had.

    Args:
        path: YAML, or JSON where its name ends so: `config` and perhaps `choices`, or the config alone.
        overrides: `KEY=VALUE` words on top of it, and `launch` words, which say how it is run.

    Raises:
        ConfigError: a file that cannot be read or does not hold a whole config, or a word that does not fit.
    """
    content = _content(path)
    tree, choices = (content.get("config"), content.get("choices")) if "config" in content else (content, {})
    if not isinstance(tree, dict) or not isinstance(choices or {}, dict):
        raise ConfigError("config and choices are mappings", where=str(path), now="an-cli show RUN --yaml prints one")
    if "config" in content and (other := set(content) - _ENVELOPE):
        raise ConfigError(f"unknown key {min(other)!r}", where=str(path), now="legal: config, choices")
    launch = [text for text in overrides if text.startswith(("launch.", "launch="))]
    for word in (parse(text) for text in overrides if text not in launch):
        if word.key in GROUPS:
            raise ConfigError(
                f"{word.text!r} chooses a file of conf/",
                where=str(path),
                now=f"the file is the whole config: set keys of it, {word.key}.KEY=VALUE, or leave --config out",
            )
        set_key(tree, word.key, word.value)
    cell = check_cell(read(CellConfig, tree, where=str(path)))
    return Composed(cell, compose(launch).launch, {str(key): str(value) for key, value in (choices or {}).items()})


def _content(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise ConfigError("no such file", where=str(path), now="name a file that an-cli show RUN --yaml has printed")
    if path.suffix != ".json":
        return read_yaml(path)
    content = read_json(path)
    if not isinstance(content, dict):
        raise ConfigError("the file does not hold an object", where=str(path), now="name a cell.json")
    return content
