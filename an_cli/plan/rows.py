"""Rows of a study, as written or as the products of a grid."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from an_cli.config.overrides import spell
from an_cli.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table: what it changes in the base, or which published row it quotes.

    `gain_over` names the row that its difference is taken from; `gain_of` the row whose gain over this one stands in
    brackets beside its numbers (Table 2 prints AN's gain beside each of its rivals). `label_latex` is
    what LaTeX prints for its label. `imported` names runs of W&B (ENTITY/PROJECT/ID) that it quotes.
    """

    label: str
    label_latex: str = ""
    set: tuple[str, ...] = ()
    group: str = ""
    baseline: bool = False
    paper: str | None = None
    literature: str | None = None
    imported: tuple[str, ...] = ()
    gain_over: str | None = None
    gain_of: str | None = None
    differs: tuple[str, ...] = ()

    @property
    def is_quoted(self) -> bool:
        """Whether its numbers come from elsewhere, and nothing is run for it."""
        return self.literature is not None or bool(self.imported)


def grid_rows(grid: Mapping[str, Any], where: str) -> tuple[Row, ...]:
    """Rows of a grid, in the order written; the first is the baseline.

    Args:
        grid: dotted key or group -> list of values.
        where: the study, for messages.

    Raises:
        StudyError: a key without a list of values.
    """
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise StudyError(
                f"{values!r} is not a list of values", where=f"{where}: grid.{key}", now="write [a, b, ...]"
            )
    products = itertools.product(*([spell(key, value) for value in values] for key, values in grid.items()))
    return tuple(Row(label=_label(words), set=words, baseline=index == 0) for index, words in enumerate(products))


def _label(words: Sequence[str]) -> str:
    return ", ".join(word.split("=", 1)[0].rsplit(".", 1)[-1] + "=" + word.split("=", 1)[1] for word in words)
