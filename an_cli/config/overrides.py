"""`KEY=VALUE` words in Hydra's grammar, as values.

`norm=bn` chooses a file of a config group, `recipe.epochs=3` sets a value, `a,b` names several. Additions and deletions
(`+key`, `~key`) have no place here: every legal key exists already, and a strict reader checks it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from an_cli.errors import ConfigError

_LIST = re.compile(r"\[([^\[\]{}'\"]+)\]")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_LONGEST = 10_000  # values of one range


@dataclass(frozen=True)
class Override:
    """One parsed word: its key, the value or values it names, and the text it came from."""

    key: str
    values: tuple[Any, ...]
    text: str

    @property
    def value(self) -> Any:
        """The single value.

        Raises:
            ConfigError: the word names several values where one is meant.
        """
        if len(self.values) != 1:
            raise ConfigError(
                f"{self.text!r} names {len(self.values)} values where one is meant",
                where=self.key,
                now="give one value, or make a grid: an-cli ablate --as NAME KEY=a,b",
            )
        return self.values[0]


@lru_cache(maxsize=100_000)
def parse(text: str) -> Override:
    """Parse one word.

    Args:
        text: `key=value`, `key=a,b`, `key=[1,2]`, `key=range(0,3)`.

    Raises:
        ConfigError: not an override, or one that adds or deletes keys.
    """
    from hydra.errors import HydraException

    if not text.partition("=")[0] or "=" not in text:
        raise ConfigError(
            f"{text!r} is not an override", now="write KEY=VALUE, for example norm.attention.gate=softmax"
        )
    key, _, typed = text.partition("=")
    try:
        override = _parser().parse_override(text)
    except HydraException as error:
        if _is_plain_text(key, typed):
            return Override(key, (typed,), text)
        if key.startswith("launch.") and (
            words := _LIST.fullmatch(typed)
        ):  # of sbatch options: [reservation=a,exclusive]
            return Override(key, ([word.strip() for word in words[1].split(",")],), text)
        raise ConfigError(
            f"cannot read override {text!r}: {_first_line(error)}",
            now=f"a text with special characters in a shell: '{key}=\"...\"', both kinds of quotes",
        ) from error
    if _is_launch_text(key, typed) and override.is_sweep_override():
        return Override(key, (typed,), text)  # launch settings are never swept: node[01-03],node7 is one word
    if not _changes(override):
        raise ConfigError(f"{text!r} adds or deletes a key", where=override.key_or_group, now="only KEY=VALUE is legal")
    if override.package is not None:
        raise ConfigError(f"{text!r} names a package", where=override.key_or_group, now="write GROUP=NAME")
    try:
        return Override(override.key_or_group, _values(override), text)
    except HydraException as error:  # glob() asks for files that only Hydra's own sweeper has
        raise _not_finite(override) from error


def _is_plain_text(key: str, typed: str) -> bool:
    """Whether a value that is no word of Hydra's can only be meant as it stands: ~/data, a#b, node[01-03], 100%."""
    if not _KEY.fullmatch(key) or typed[:1] in ("'", '"', "[", "{", "(") or "${" in typed or "(" in typed:
        return False
    return bool(typed) and ("," not in typed or key.startswith("launch."))


def _is_launch_text(key: str, typed: str) -> bool:
    return key.startswith("launch.") and typed[:1] not in ("'", '"', "[", "{") and "(" not in typed


@cache
def _parser() -> Any:
    """Hydra's parser with a range of our own: Hydra's runs past its stop in floats, and moves when it is sorted."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    parser.functions.functions["range"] = _range  # under the signature that Hydra has registered
    return parser


def _range(start: int | float, stop: int | float | None = None, step: int | float = 1) -> Any:
    """The values of a range in decimal arithmetic, the stop left out, as a choice that sorts and casts like others."""
    from hydra.core.override_parser.types import ChoiceSweep

    first, last = (0, start) if stop is None else (start, stop)
    if any(isinstance(number, bool) or not math.isfinite(number) for number in (first, last, step)) or step == 0:
        raise ValueError("a range takes finite numbers, and a step that is not 0")
    begin, end, pace = (Decimal(repr(number)) for number in (first, last, step))
    count = max(0, math.ceil((end - begin) / pace))
    if not 0 < count <= _LONGEST:
        raise ValueError(f"the range holds {count} values; 1 to {_LONGEST} are legal")
    whole = all(isinstance(number, int) for number in (first, last, step))
    values: list[Any] = [begin + index * pace for index in range(count)]
    return ChoiceSweep(list=[int(value) if whole else float(value) for value in values])


def _changes(override: Any) -> bool:
    from hydra.core.override_parser.types import OverrideType

    return bool(override.type is OverrideType.CHANGE)


def _values(override: Any) -> tuple[Any, ...]:
    if override.is_sweep_override():
        if getattr(override.value(), "shuffle", False):  # the order of rows, and the baseline, would change by chance
            raise ConfigError(
                f"{override.input_line!r} has no order of its own",
                where=override.key_or_group,
                now="leave shuffle() out",
            )
        if not (override.is_choice_sweep() or override.is_range_sweep()):
            raise _not_finite(override)
        return tuple(_unquoted(value) for value in override.sweep_iterator())
    return (_unquoted(override.value()),)


def _not_finite(override: Any) -> ConfigError:
    return ConfigError(
        f"{override.input_line!r} is not a finite set of values",
        where=override.key_or_group,
        now="name them: KEY=a,b, or KEY=range(START,STOP,STEP)",
    )


def _unquoted(value: Any) -> Any:
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, (list, tuple)):
        return [_unquoted(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _unquoted(item) for key, item in value.items()}
    return value


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def spell(key: str, value: object) -> str:
    """The reverse of `parse`: an override word for a key and a plain value."""
    return f"{key}={_spell_value(value)}"


def _spell_value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_spell_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_spell_value(item)}" for key, item in value.items()) + "}"
    return _spell_text(value) if isinstance(value, str) else str(value)


def _spell_text(text: str) -> str:
    """A text bare where it reads back as itself (`softmax`), else quoted (`'a, b'`, `'null'`)."""
    from hydra.core.override_parser.types import Quote, QuotedString

    try:
        if parse(f"key=[{text}]").values == ([text],):  # what reads back within a list does so alone
            return text
    except ConfigError:
        pass
    return QuotedString(text, Quote.single).with_quotes()
