"""What a study's name with a tag stands for: the words of the command line that made `STUDY+TAG` of the study.

Written beside its links, so that a variant is a study like others also for those who did not type the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from an_cli.config import plain, read
from an_cli.errors import StoreError
from an_cli.files import cannot_write, read_json, write_json
from an_cli.store.folder import Store

_FILE = ".variant.json"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A study and the overrides of its base."""

    study: str
    overrides: tuple[str, ...]


def record_variant(store: Store, folder: str, study: str, overrides: Sequence[str]) -> None:
    """Write down what a variant's name stands for.

    Raises:
        StoreError: the store cannot be written.
    """
    place = store.studies / folder
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    write_json(place / _FILE, plain(Variant(study=study, overrides=tuple(overrides))))


def read_variant(store: Store, folder: str) -> Variant | None:
    """What a variant's name stands for; None where nobody has written it down."""
    path = store.studies / folder / _FILE
    return read(Variant, read_json(path), where=str(path), error=StoreError) if path.is_file() else None
