"""What a search may try, as cells: composed choices, the points it starts from, and whether its space fits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from an_cli.config import CellConfig, Composed, Composer, cell_id, leaves, plain
from an_cli.errors import AnError, StudyError, nearest
from an_cli.plan.expand import Cell
from an_cli.plan.search import COUNTED, Search
from an_cli.plan.space import Params, Space
from an_cli.plan.study import Study, load_study
from an_cli.store import Measures, measures_of


@dataclass(frozen=True)
class Candidates:
    """The choices of a search as cells.

    Attributes:
        study: a search.
        composer: shared by all of them, to compose each choice of groups once.
    """

    study: Study
    composer: Composer

    @property
    def search(self) -> Search:
        """What is searched.

        Raises:
            StudyError: the study is no search.
        """
        if self.study.search is None:
            raise StudyError(
                f"{self.study.name} is no search, it has {self.study.kind}",
                where=str(self.study.source),
                now=f"an-cli ablate {self.study.name}",
            )
        return self.study.search

    @property
    def space(self) -> Space:
        """What is chosen from."""
        return self.search.parameters

    @property
    def digest(self) -> str:
        """16 hex digits over what two trials must share to be compared: base, seeds, space and objectives."""
        search = self.search
        parts = [*self.study.base, *map(str, self.study.seeds), self.space.digest_text(), *search.objectives]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def cells(self, number: int, params: Params, seeds: tuple[int, ...] = ()) -> tuple[Cell, ...]:
        """The cells of a trial, one per seed.

        Args:
            number: of the trial.
            params: its choice.
            seeds: None of the study's own, but these.

        Raises:
            StudyError: the choice does not compose.
        """
        made = []
        several = len(self.study.seeds) > 1 or bool(seeds)
        for seed in seeds or self.study.seeds:
            composed = self.compose(params, seed, f"trial {number}")
            label = f"trial={number:04}" + (f",seed={seed}" if several else "")
            made.append(Cell(config=composed.cell, id=cell_id(composed.cell), label=label, choices=composed.choices))
        return tuple(made)

    def compose(self, params: Params, seed: int, where: str) -> Composed:
        """The experiment that a choice makes.

        Raises:
            StudyError: it does not compose; the message says of which choice.
        """
        try:
            return self.composer.compose([*self.study.base, *self.space.words(params), f"seed={seed}"])
        except AnError as error:
            place = f"{self.study.name}: {where}: {error.where}"
            raise StudyError(error.what, where=place, now=error.now) from error

    def check(self) -> None:
        """Compose the space's corners and its starting points, and look for what the objectives name.

        Raises:
            StudyError: a key that no config has, a vector of another length, an objective that no run records, a rung
                behind the last epoch, a starting point outside the space.
        """
        seed, config = self.study.seeds[0], None
        for key, params in self.space.corners():
            config = self.compose(params, seed, f"search.space.{key}").cell
            self._check_objectives(measures_of(config))
            self._check_rungs(config, f"{self.study.name}: search.space.{key}")
        self.start_points()

    def _check_objectives(self, measures: Measures) -> None:
        legal = [*measures.keys, *COUNTED]
        for key in self.search.objectives:
            if key not in legal:
                raise StudyError(
                    f"no run of it records {key!r}",
                    where=f"{self.study.name}: search.objectives",
                    now=nearest(key, legal),
                )

    def _check_rungs(self, config: CellConfig, where: str) -> None:
        rungs = self.search.pruner.rungs
        if rungs and rungs[0] >= config.recipe.epochs:
            raise StudyError(
                f"the first rung is epoch {rungs[0]}, and a trial has {config.recipe.epochs}",
                where=f"{where}, search.pruner.rungs",
                now="pause trials before their last epoch",
            )

    def start_points(self) -> list[dict[str, Any]]:
        """The choices that are tried first, in their order.

        Raises:
            StudyError: one that the space does not have.
        """
        points: list[dict[str, Any]] = []
        for index, start in enumerate(self.search.start):
            where = f"{self.study.name}: search.start[{index}]"
            if isinstance(start, str):
                points += self._rows_of(start, where)
            elif isinstance(start, Mapping):
                points.append(self._point(start, where))
            else:
                raise StudyError(f"{start!r} is no starting point", where=where, now="write {KEY: value}, or a study")
        return points

    def _point(self, start: Mapping[str, Any], where: str) -> dict[str, Any]:
        for key in start:
            if key not in self.search.space:
                raise StudyError(f"{key!r} is not in the space", where=where, now=nearest(str(key), self.search.space))
        try:
            return self.space.params_of(start, {key: str(value) for key, value in start.items()})
        except StudyError as error:
            raise StudyError(error.what, where=f"{where}.{error.where}", now="choose within the space") from error

    def _rows_of(self, name: str, where: str) -> list[dict[str, Any]]:
        """Another study's rows as choices: their values of the space's keys, in this search's base."""
        study, points = load_study(name), []
        for row in (row for row in study.rows if not row.is_quoted):
            composed = self.composer.compose([*study.base, *row.set])
            place = f"{where}: {name}, row {row.label!r}"
            try:
                point = self.params_of(composed.cell, composed.choices)
            except StudyError as error:
                now = "widen the space, or write the points themselves"
                raise StudyError(error.what, where=f"{place}: {error.where}", now=now) from error
            if point not in points:
                points.append(point)
        return points

    def params_of(self, config: CellConfig, choices: Mapping[str, str]) -> dict[str, Any]:
        """The choice that a config is, as far as the space goes.

        Raises:
            StudyError: it lies outside the space.
        """
        return self.space.params_of(leaves(plain(config)), choices)

    def is_choice(self, config: CellConfig, choices: Mapping[str, str]) -> dict[str, Any] | None:
        """The choice that a config is, where nothing but space and seed makes it differ from the base; else None."""
        try:
            params = self.params_of(config, choices)
            return params if self.compose(params, config.seed, "").cell == config else None
        except StudyError:
            return None
