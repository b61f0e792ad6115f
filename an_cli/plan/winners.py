"""Which trials a search comes down to: the best one, or the front of several objectives. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from an_cli.plan.trials import Trial, TrialState


def winners(trials: Iterable[Trial], lower: Sequence[bool]) -> tuple[Trial, ...]:
    """The trials that no other one beats in every objective.

    Args:
        trials: all; only finished ones count.
        lower: whether lower is better, for each objective.

    Returns:
        One trial for one objective, the earliest of equals; a front, by the first objective, for several.
    """
    finished = [trial for trial in trials if trial.state is TrialState.FINISHED]
    ordered = sorted(finished, key=lambda trial: (_costs(trial, lower), trial.number))
    if len(lower) == 1:
        return tuple(ordered[:1])
    front: list[Trial] = []
    for trial in ordered:
        if not any(_covers(other, trial, lower) for other in front):
            front.append(trial)
    return tuple(front)


def _costs(trial: Trial, lower: Sequence[bool]) -> tuple[float, ...]:
    return tuple(value if less else -value for value, less in zip(trial.values, lower, strict=True))


def _covers(trial: Trial, other: Trial, lower: Sequence[bool]) -> bool:
    """Whether a trial is at least as good in every objective; of equals the earlier one stays."""
    return all(a <= b for a, b in zip(_costs(trial, lower), _costs(other, lower), strict=True))
