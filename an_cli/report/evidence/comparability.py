"""Whether two rows differ in what the study says, and in nothing else.

A difference between rows is only worth printing if the runs share everything that the study does not vary: the other
config values, the evaluation data, the code and the device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import chain

from an_cli.config.schema import AttentionConfig, NormConfig
from an_cli.errors import ReportError, nearest
from an_cli.plan import Cell
from an_cli.report.evidence.config_columns import config_leaves, part_leaves
from an_cli.report.evidence.outcome import Finished, RowOutcome
from an_cli.store import Attempt, RunRecord, contributing
from an_cli.store.code_tree import comparable_tree

# What rows are compared by, beside the keys of their configs.
FACTS = ("data", "training data", "code", "norm path", "device")
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
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.key} ({self.remark}{self.here} against {self.there})"


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What a row and its reference do not share beyond what they set: declared, waived, and neither."""

    declared: tuple[Discord, ...]
    waived: tuple[Discord, ...]
    hidden: tuple[Discord, ...]

    def notes(self, label: str) -> list[str]:
        """Footnotes; `label` is the reference's."""
        kinds = (("as declared, in", self.declared), ("waived, in", self.waived), ("undeclared, in", self.hidden))
        return [f"differs from {label!r}, {how} {'; '.join(map(str, what))}" for how, what in kinds if what]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A row as the guard sees it: any of its cells (they differ in the seed alone), what it sets, what came of it."""

    cell: Cell
    set: tuple[str, ...]
    differs: tuple[str, ...]
    outcome: RowOutcome


def guard(row: Side, reference: Side, waive: Iterable[str]) -> Guard:
    """Sort all that two rows do not share.

    Args:
        row, reference: the rows.
        waive: keys whose undeclared difference is let through; like a declared key, one covers those below it.
    """
    wanted, waived = (*row.differs, *reference.differs), tuple(waive)
    facts, config = run_facts(row.outcome, reference.outcome), config_discords(row.cell, reference.cell)
    if any(word.lstrip("+~").partition("=")[0].split(".")[0] == "data" for word in (*row.set, *reference.set)):
        facts = [fact for fact in facts if fact.key not in ("data", "training data")]  # the study varies its data
    everything, undeclared = [*config, *facts], [*unset_keys(config, (*row.set, *reference.set)), *facts]
    rest = [discord for discord in undeclared if not _covers(wanted, discord)]
    return Guard(
        declared=tuple(discord for discord in everything if _covers(wanted, discord)),
        waived=tuple(discord for discord in rest if _covers(waived, discord)),
        hidden=tuple(discord for discord in rest if not _covers(waived, discord)),
    )


def check_waive(cells: Iterable[Cell], waive: Iterable[str]) -> None:
    """Refuse a waiver that nothing can need, which is a typo.

    Args:
        cells: of the study.
        waive: config keys, groups of them, facts of runs, or a plug-in's name.

    Raises:
        ReportError: a key that no cell has.
    """
    keys = {key for cell in cells for key, _ in config_leaves(cell.config)}
    groups = {key[:place] for key in keys for place, letter in enumerate(key) if letter == "."}
    legal = (*FACTS, *sorted(keys | groups))
    for key in waive:
        if key not in legal and ":" not in key:  # a plug-in is named by its group and entry point
            raise ReportError(f"no such key {key!r}", where="--waive", now=nearest(key, legal))


def _covers(declared: tuple[str, ...], discord: Discord) -> bool:
    return any(discord.key == key or discord.key.startswith(f"{key}.") for key in declared)


def own_notes(outcome: RowOutcome) -> list[str]:
    """Footnotes of a row whose own runs, one per seed, do not share what they should."""
    differing = [name for name, values in _facts(outcome).items() if len(values) > 1]
    texts = [_own_text(name, outcome) for name in differing]
    return [f"its runs differ in {'; '.join(texts)}"] if texts else []


def _own_text(fact: str, outcome: RowOutcome) -> str:
    (values,), remark = _shown(fact, outcome)
    return f"{fact} ({remark}{values})"


def same_data(outcomes: Iterable[RowOutcome]) -> bool:
    """Whether all finished runs were evaluated on the same samples; only then is a difference one."""
    fingerprints = {run.result.data_fingerprint for outcome in outcomes for run in outcome.finished.values()}
    return len(fingerprints) <= 1


def unset_keys(discords: Iterable[Discord], words: Iterable[str]) -> list[Discord]:
    """Of the config keys that differ those that neither row sets.

    A row that names another file of a group (`norm=bn`) sets that group's keys; keys of other groups that follow
    unseen (a recipe depends on the model) are not set.

    Args:
        discords: keys that differ between two rows.
        words: overrides of both.
    """
    keys = tuple({word.lstrip("+~").partition("=")[0].partition("@")[0] for word in words})
    return [discord for discord in discords if not _covers(keys, discord) and _DERIVED.get(discord.key) not in keys]


def config_discords(row: Cell, reference: Cell) -> list[Discord]:
    """All config keys but the seed whose values differ."""
    here, there = row.config, reference.config
    discords = []
    for name in (field.name for field in dataclasses.fields(here)):
        if name != "seed" and getattr(here, name) != getattr(there, name):
            discords += _part_discords(name, getattr(here, name), getattr(there, name))
    return discords


def _part_discords(name: str, here: Hashable, there: Hashable) -> list[Discord]:
    ours, theirs = (dict(part_leaves(part, name)) if part is not None else {} for part in (here, there))
    keys = [key for key in {**ours, **theirs} if ours.get(key, _ABSENT) != theirs.get(key, _ABSENT)]
    return [Discord(key=key, here=_text(ours.get(key, _ABSENT)), there=_text(theirs.get(key, _ABSENT))) for key in keys]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def run_facts(row: RowOutcome, reference: RowOutcome) -> list[Discord]:
    """Facts of the finished runs that are not one and the same in both rows."""
    here, there = _facts(row), _facts(reference)
    differing = [name for name in here if here[name] and there.get(name) and len(here[name] | there[name]) > 1]
    return [_fact_discord(name, row, reference) for name in differing]


def _fact_discord(fact: str, row: RowOutcome, reference: RowOutcome) -> Discord:
    (here, there), remark = _shown(fact, row, reference)
    return Discord(key=fact, here=here, there=there, remark=remark)


_SAME_NAME = "same name, other content: "


def _shown(fact: str, *outcomes: RowOutcome) -> tuple[list[str], str]:
    """A fact as each of some rows has it, and a remark: data by their names, which a reader knows.

    A fingerprint stands beside a name that has several contents.
    """
    named = [_named_values(fact, outcome) for outcome in outcomes]
    contents: dict[str, set[str]] = {}
    for name, value in chain.from_iterable(named):
        contents.setdefault(name, set()).add(value)
    doubtful = {name for name, values in contents.items() if name and len(values) > 1}
    texts = [{_named(name, value, name in doubtful) for name, value in pairs} for pairs in named]
    return [_list(words) for words in texts], _SAME_NAME if doubtful else ""


def _named(name: str, value: str, doubtful: bool) -> str:
    return (f"{name} ({_short(value)})" if doubtful else name) or _short(value)


def _named_values(fact: str, outcome: RowOutcome) -> set[tuple[str, str]]:
    """A row's values of a fact, each with the name that its data were chosen by; other facts have none."""
    if fact not in ("data", "training data"):
        return {("", value) for value in _facts(outcome).get(fact, set())}
    return {(_data_name(run.record), value) for run in outcome.finished.values() for value in _fingerprints(fact, run)}


def _data_name(record: RunRecord) -> str:
    return record.choices.get("data") or (str(record.config.data.source) if record.config else "")


def _fingerprints(fact: str, run: Finished) -> list[str]:
    if fact == "data":
        return [run.result.data_fingerprint]
    return [attempt.train_fingerprint for attempt in contributing(run.record.attempts)]


def _facts(outcome: RowOutcome) -> dict[str, set[str]]:
    runs = outcome.finished.values()
    attempts = [attempt for run in runs for attempt in contributing(run.record.attempts)]
    stamps = (*(attempt.plugins for attempt in attempts), *(run.result.plugins for run in runs))
    own: dict[str, set[str]] = {}
    for stamp in chain.from_iterable(stamps):
        name, _, version = stamp.partition(" ")
        own.setdefault(name, set()).add(version)
    return {
        "data": {value for run in runs for value in _fingerprints("data", run)},
        "training data": {value for run in runs for value in _fingerprints("training data", run)},
        "code": {
            *(comparable_tree(tree) for run in runs for tree in run.result.code_trees),
            *(comparable_tree(attempt.code_tree) for attempt in attempts),
        },
        "norm path": {_norm_path(run.record, attempt) for run in runs for attempt in contributing(run.record.attempts)}
        - {""},
        "device": {run.result.device for run in runs} | {attempt.device for attempt in attempts},
        **own,
    }


def _norm_path(record: RunRecord, attempt: Attempt) -> str:
    """How attentive layers were computed; nothing for a network without any."""
    norm = record.config.norm if record.config else None
    attentive = isinstance(norm, NormConfig) and isinstance(norm.attention, AttentionConfig)
    return attempt.norm_path or ("composed" if attentive else "")


def _list(values: set[str]) -> str:
    shown = [_short(value) for value in sorted(values)[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")


def _short(value: str) -> str:
    return value if len(value) <= _WIDTH else value[: _WIDTH - 3] + "..."
