"""Trials as frozen values, read from a journal without Optuna: what `status` and the page need of 10,000 of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from an_cli.errors import StoreError
from an_cli.files import JsonDecoder, read_lines
from an_cli.plan.journal import Log, decode_lines
from an_cli.plan.space import CategoricalParameter, Space

_JSON = JsonDecoder()
CELLS, OWNER, STAGE, SPACE = "cells", "owner", "stage", "space"  # user attributes of trials, and of the study


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    PAUSED = "paused"  # in Optuna: waiting; worse than others where it was compared, and may still be continued
    FINISHED = "finished"  # in Optuna: complete
    PRUNED = "pruned"  # paused when the search ended
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self in (TrialState.FINISHED, TrialState.PRUNED, TrialState.FAILED)


OPTUNA_STATES = (
    TrialState.RUNNING,
    TrialState.FINISHED,
    TrialState.PRUNED,
    TrialState.FAILED,
    TrialState.PAUSED,
)  # by Optuna's number


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One choice and what came of it.

    Attributes:
        number: counted from 0, in the order in which trials were begun.
        params: name -> value.
        values: of the objectives; empty before it is finished.
        reports: stage or epoch at which it was compared -> the first objective there.
        cells: ids of its runs, one per seed.
        stage: how many parts of it are done (see `plan.stages`).
        owner: the process that makes its runs, as `store.Holder` has it; empty for none.
        started, ended: wall clock.
    """

    number: int
    state: TrialState
    params: Mapping[str, Any]
    values: tuple[float, ...] = ()
    reports: Mapping[int, float] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    stage: int = 0
    owner: Mapping[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class Trials:
    """All trials of a search, by number; `skipped` lines of the journal were torn or foreign."""

    all: tuple[Trial, ...]
    skipped: int = 0

    def count(self, *states: TrialState) -> int:
        """How many are in one of these states."""
        return sum(trial.state in states for trial in self.all)

    @property
    def finished(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.all if trial.state is TrialState.FINISHED)


def read_journal(path: Path, study: str, space: Space) -> Trials:
    """The trials of a study in a journal; none where there is no file.

    Raises:
        StoreError: the file cannot be read.
    """
    logs, skipped = decode_lines(_whole_lines(read_lines(path)))
    try:
        return Trials(tuple(_fold(logs, study, space)), skipped)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoreError(
            f"the journal does not fit the search: {type(error).__name__} {error}",
            where=str(path),
            now=f"an-cli sweep {study} --rebuild makes it again from the runs",
        ) from error


def _whole_lines(raw: bytes) -> bytes:
    return raw[: raw.rfind(b"\n") + 1]


def _fold(logs: Iterable[Log], study: str, space: Space) -> list[Trial]:
    """Apply a journal's lines; as Optuna does, a finished trial takes no more of them."""
    names = {name: space.parameters[key] for key in space.parameters for name in space.names(key)}
    studies: list[str] = []
    trials: dict[int, Trial] = {}
    last = -1  # trials of all studies are counted together
    for log in logs:
        match log["op_code"]:
            case 0:
                if log["study_name"] not in studies:
                    studies.append(log["study_name"])
            case 4:
                last += 1
                if studies[log["study_id"]] == study:
                    trials[last] = _created(log, len(trials), names)
            case 6 | 7 | 8 if log["trial_id"] in trials:
                trial = trials[log["trial_id"]]
                trials[log["trial_id"]] = trial if trial.state.is_over else _changed(trial, log)
    return list(trials.values())


def _created(log: Log, number: int, names: Mapping[str, Any]) -> Trial:
    given = log.get("params") or {}
    params = {name: _external(names[name], value) for name, value in given.items()}
    attributes = log.get("user_attrs") or {}
    values = log.get("values") or ([log["value"]] if log.get("value") is not None else [])
    return Trial(
        number=number,
        state=OPTUNA_STATES[log.get("state", 0)],
        params=params,
        values=tuple(values),
        reports={int(step): value for step, value in (log.get("intermediate_values") or {}).items()},
        cells=tuple(attributes.get(CELLS, ())),
        stage=attributes.get(STAGE, 0),
        owner=attributes.get(OWNER) or {},
        started=_time(log.get("datetime_start")),
        ended=_time(log.get("datetime_complete")),
    )


def _external(parameter: Any, value: float) -> Any:
    """Optuna writes a choice as its place, and every number as one that may have a fraction."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[int(value)]
    return int(value) if isinstance(parameter.low, int) else value


def _changed(trial: Trial, log: Log) -> Trial:
    match log["op_code"]:
        case 6:
            state, values = OPTUNA_STATES[log["state"]], log["values"]
            ended = _time(log.get("datetime_complete"))
            return replace(trial, state=state, values=tuple(values) if values else trial.values, ended=ended)
        case 7:
            return replace(trial, reports={**trial.reports, int(log["step"]): log["intermediate_value"]})
    changes = log["user_attr"]
    changed: dict[str, Any] = {}
    if CELLS in changes:
        changed["cells"] = tuple(changes[CELLS])
    if STAGE in changes:
        changed["stage"] = changes[STAGE]
    if OWNER in changes:
        changed["owner"] = changes[OWNER] or {}
    return replace(trial, **changed)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
