"""What an attempt is doing now: one small record in `claims/`, replaced by its writer at every change, gone at its end.

It says what metrics cannot: what happens before the first step and between epochs, and from where the attempt goes on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from an_cli.store.claims import Claim, newest_claim
from an_cli.store.folder import RunFolder


class Activity(StrEnum):
    """What an attempt spends its time on."""

    STARTING = "starting"
    READING_DATA = "reading data"
    BUILDING = "building the network"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"


@dataclass(frozen=True, kw_only=True)
class Doing:
    """The record.

    Attributes:
        attempt: who writes it.
        activity: what it does.
        from_step: steps that were done when this attempt began to train; None before.
        from_elapsed_s: seconds of training that they took.
    """

    attempt: int
    activity: Activity
    from_step: int | None = None
    from_elapsed_s: float = 0.0


def write_doing(claim: Claim, doing: Doing) -> None:
    """Say what an attempt does. A disk that takes no word is no reason to stop training: nothing is raised for it.

    Raises:
        Fenced: a newer attempt owns the run.
        StoreError: the claims cannot be listed.
    """
    claim.check()
    try:
        claim.run.doing.write_text(json.dumps(asdict(doing)))
    except OSError:
        return


def read_doing(run: RunFolder) -> Doing | None:
    """What the newest attempt of a run does, if it has said so; whether it lives is another question."""
    try:
        value = json.loads(run.doing.read_bytes())
        doing = Doing(**{**value, "activity": Activity(value["activity"])})
        return doing if doing.attempt == newest_claim(run) else None
    except (OSError, ValueError, TypeError, KeyError):  # none yet, or one that is being replaced
        return None
