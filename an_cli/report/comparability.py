"""Whether two rows differ in what the study says, and in nothing else.

A difference between rows is only worth printing if the runs share everything that the study does not vary: the other
config values, the evaluation data, the code and the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from an_cli.config import leaves, plain
from an_cli.plan import Cell
from an_cli.report.outcome import Outcome
from an_cli.store import Attempt, RunRecord

_SHOWN = 4  # values of one fact in a footnote
_WIDTH = 40
_ABSENT = "absent"
_DERIVED = {"norm.attention.components": "model"}  # K belongs to the model, so choosing the model declares it


@dataclass(frozen=True, kw_only=True)
class Discord:
    """One thing in which a row differs from its reference: a config key or a fact of its runs."""

    key: str
    here: str
    there: str

    def __str__(self) -> str:
        return f"{self.key} ({self.here} against {self.there})"


def notes(
    row: Cell, reference: Cell, outcomes: tuple[Outcome, Outcome], differs: Iterable[str], label: str
) -> list[str]:
    """Footnotes of a row that does not only differ from its reference in what it sets.

    Args:
        row: any cell of the row; its cells differ in the seed alone.
        reference: any cell of the row it is compared with.
        outcomes: what their runs came to.
        differs: keys whose difference the study declares; a key covers those below it.
        label: the reference's label.
    """
    wanted, facts = tuple(differs), run_facts(*outcomes)
    everything = (*config_discords(row, reference), *facts) if wanted else ()
    declared = [discord for discord in everything if _covers(wanted, discord)]
    hidden = [discord for discord in (*unset_keys(row, reference), *facts) if not _covers(wanted, discord)]
    said = (("as declared, in", declared), ("undeclared, in", hidden))
    return [f"differs from {label!r}, {how} {'; '.join(map(str, what))}" for how, what in said if what]


def _covers(declared: tuple[str, ...], discord: Discord) -> bool:
    return any(discord.key == key or discord.key.startswith(f"{key}.") for key in declared)


def own_notes(outcome: Outcome) -> list[str]:
    """Footnotes of a row whose own runs, one per seed, do not share what they should."""
    found = [f"{name} ({_list(values)})" for name, values in _facts(outcome).items() if len(values) > 1]
    return [f"its runs differ in {'; '.join(found)}"] if found else []


def same_data(outcomes: Iterable[Outcome]) -> bool:
    """Whether all finished runs were evaluated on the same samples; only then is a difference one."""
    found = {run.result.data_fingerprint for outcome in outcomes for run in outcome.finished.values()}
    return len(found) <= 1


def unset_keys(row: Cell, reference: Cell) -> list[Discord]:
    """Config keys that differ although neither row sets them.

    Where both rows name the same file of every group, each difference is one that a row writes. Where a row names
    another file of one group, that group's keys are meant to differ; those of other groups follow unseen (a recipe
    depends on the model).
    """
    groups = set(row.choices) | set(reference.choices)
    chosen = {group for group in groups if row.choices.get(group) != reference.choices.get(group)} - {"launch"}
    if not chosen:
        return []
    return [
        discord
        for discord in config_discords(row, reference)
        if discord.key.split(".")[0] not in chosen and _DERIVED.get(discord.key) not in chosen
    ]


def config_discords(row: Cell, reference: Cell) -> list[Discord]:
    """All config keys but the seed whose values differ."""
    here, there = _leaves(row), _leaves(reference)
    keys = [key for key in {**here, **there} if key != "seed" and here.get(key, _ABSENT) != there.get(key, _ABSENT)]
    return [Discord(key=key, here=_text(here.get(key, _ABSENT)), there=_text(there.get(key, _ABSENT))) for key in keys]


def _leaves(cell: Cell) -> Mapping[str, object]:
    return leaves(plain(cell.config))


def _text(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def run_facts(row: Outcome, reference: Outcome) -> list[Discord]:
    """Facts of the finished runs that are not one and the same in both rows."""
    here, there = _facts(row), _facts(reference)
    return [
        Discord(key=name, here=_list(here[name]), there=_list(there[name]))
        for name in here
        if here[name] and there[name] and len(here[name] | there[name]) > 1
    ]


def _facts(outcome: Outcome) -> dict[str, set[str]]:
    runs = outcome.finished.values()
    attempts = [attempt for run in runs for attempt in contributing(run.record)]
    return {
        "data": {run.result.data_fingerprint for run in runs},
        "training data": {attempt.train_fingerprint for attempt in attempts},
        "code": {run.result.code_tree for run in runs} | {attempt.code_tree for attempt in attempts},
        "device": {run.result.device for run in runs} | {attempt.device for attempt in attempts},
    }


def contributing(record: RunRecord) -> tuple[Attempt, ...]:
    """The attempts that a result stands on: from the last one that started at step 0."""
    starts = [index for index, attempt in enumerate(record.attempts) if attempt.resumed_step == 0]
    return record.attempts[starts[-1] if starts else 0 :]


def _list(values: set[str]) -> str:
    shown = [value if len(value) <= _WIDTH else value[: _WIDTH - 3] + "..." for value in sorted(values)[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")
