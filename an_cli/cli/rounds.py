"""`ablate --until-resolved`: one round of seeds per command, by a rule that stands on disk from the first round on.

The rule is written once, beside the study's links, because the error rate only holds if it does not change after the
data have been looked at. Every later command, `report` included, reads it: the table then allows for the looks.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from an_cli.cli.study import Asked, say
from an_cli.config import Composer, plain, read
from an_cli.errors import StudyError
from an_cli.files import cannot_write, canonical_json, read_json, write_json
from an_cli.plan import Plan, make_plan
from an_cli.plan.source import Rounds
from an_cli.report import Decision, Rule, State, decision, load_spec
from an_cli.report.evidence.per_sample import read_samples
from an_cli.store import Store, read_runs


def rule_of(asked: Asked, store: Store) -> Rule | None:
    """The stopping rule that a study was begun with; None where seeds are as the study says.

    Raises:
        StoreError: a rule that cannot be read; without it no p-value holds.
    """
    path = next((path for path in (_path(asked, store), _earlier_path(asked, store)) if path.exists()), None)
    return None if path is None else read(Rule, read_json(path), where=str(path))


def begin(asked: Asked, store: Store, budget: int | None, *, dry_run: bool) -> Rule:
    """The rule of a study, written by its first round (a dry run writes nothing).

    Raises:
        StudyError: another budget than that of the first round, or one that allows for no looks.
    """
    recorded, default = rule_of(asked, store), Rule(alpha=load_spec(asked.plan).alpha)
    wanted = default if budget is None else dataclasses.replace(default, most_seeds=budget)
    if recorded is not None:
        if budget not in (None, recorded.most_seeds):
            raise StudyError(
                f"its rounds were begun with a budget of {recorded.most_seeds} seeds per row, not {budget}",
                where=asked.study.name,
                now="leave --budget away: a rule that changes with the data holds no error rate",
            )
        return recorded
    if wanted.most_seeds < 3:
        raise StudyError(f"{budget} seeds are too few", where="--budget", now="give 3 or more")
    if not dry_run:
        _write(wanted, _path(asked, store))
    return wanted


def _write(rule: Rule, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    write_json(path, plain(rule))


def _path(asked: Asked, store: Store) -> Path:
    """One rule for each study as it was asked for: overrides of the base make other runs.

    Not so its seeds: a study that is given more of them has been looked at all the same.
    """
    return _named(asked, store, asked.study.base)


def _earlier_path(asked: Asked, store: Store) -> Path:
    """Where a rule stood when a study's seeds were part of its name."""
    return _named(asked, store, (*asked.study.base, *map(str, asked.study.seeds)))


def _named(asked: Asked, store: Store, words: Sequence[str]) -> Path:
    key = hashlib.sha256(canonical_json([*words]).encode()).hexdigest()[:8]
    return store.studies / asked.study.name / f".until-resolved-{key}.json"


def round_of(asked: Asked, store: Store, rule: Rule) -> tuple[Plan, Decision]:
    """The plan with the seeds that each row needs by now, and why."""
    whole = _whole_plan(asked, rule)
    records = {record.id: record for record in read_runs(store, (cell.id for cell in whole.cells))}
    decided = decision(whole, records, read_samples(store, records.values()), load_spec(whole), rule)
    rounds = Rounds(whole, first=rule.seeds_at[0], wanted=lambda records: decided.seeds)
    return rounds.round(records), decided


def _whole_plan(asked: Asked, rule: Rule) -> Plan:
    """The plan with as many seeds as the rule allows: the study's own first, then the smallest that it leaves."""
    own = asked.study.seeds
    more = [seed for seed in range(rule.most_seeds + len(own)) if seed not in own]
    seeds = (*own, *more)[: rule.seeds_at[-1]]
    return make_plan(dataclasses.replace(asked.study, seeds=seeds), Composer())


def tell(decision: Decision, rule: Rule) -> bool:
    """Say where each row stands; whether none needs more seeds."""
    for row in decision.rows:
        about = f"p={row.p:.3g} over the table" if row.p < 1 else "nothing told yet"
        wanted = f", needs {row.seeds} of at most {rule.seeds_at[-1]} seeds" if row.state is State.OPEN else ""
        say(f"{row.row}: {row.state} ({about}){wanted}")
    for label, why in decision.refused.items():
        say(f"{label}: not compared: {why}")
    return not decision.open
