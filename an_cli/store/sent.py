"""What trackers have of a run, by where it was sent to: `tracking.json` in the run's folder.

Only a shortcut: a service itself knows which steps it has, and a file is written whole.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from an_cli.config import read
from an_cli.errors import AnError, StoreError
from an_cli.files import read_json, write_json
from an_cli.store.claims import newest_claim
from an_cli.store.folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What one place has of a run.

    Attributes:
        id: the run's there.
        url: where a person looks at it.
        claim: number of the attempt up to whose end, or present state, was sent.
        points: how many points of its metrics.
        whole: whether that is all there was of an attempt that had ended, with its end.
        error: why not.
    """

    id: str = ""
    url: str = ""
    claim: int = 0
    points: int = 0
    whole: bool = False
    error: str = ""


def read_sent(run: RunFolder) -> dict[str, Sent]:
    """What was sent, by destination; nothing where the ledger is missing or does not read."""
    try:
        return {str(key): read(Sent, value, error=StoreError) for key, value in read_json(run.tracking).items()}
    except (AnError, AttributeError):
        return {}


def record(run: RunFolder, place: str, sent: Sent) -> None:
    """Write down what one destination has. A disk that takes no word is no reason to send no more."""
    with suppress(AnError):
        write_json(run.tracking, {key: asdict(entry) for key, entry in {**read_sent(run), place: sent}.items()})


def failed(run: RunFolder, place: str, error: str) -> None:
    """Write down why a destination was not reached."""
    record(run, place, replace(read_sent(run).get(place, Sent()), error=error, whole=False))


def is_whole(run: RunFolder, place: str) -> bool:
    """Whether a destination has all there is of a run, its end included."""
    sent = read_sent(run).get(place)
    return sent is not None and sent.whole and sent.claim == newest_claim(run)


def urls_of(run: RunFolder) -> list[str]:
    """Web pages that show a run, the one that was sent to last first."""
    if not run.tracking.exists():
        return []
    return [sent.url for sent in reversed(read_sent(run).values()) if sent.url.startswith(("https://", "http://"))]
