"""What a study recorded of its runs when it was started: whose baseline group each is in, and what its row varies.

`studies/<study>/.rows.json`, beside the links. A worker on a node, which has no study file, reads it for a tracker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from an_cli.config import read
from an_cli.errors import AnError, StoreError
from an_cli.files import cannot_write, read_json, write_json
from an_cli.store.folder import Store


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """A run's place in a study.

    Attributes:
        group: its baseline group; empty where the study has one group.
        baseline: whether it is its group's baseline.
        varies: the overrides of its row.
    """

    group: str = ""
    baseline: bool = False
    varies: tuple[str, ...] = ()


def _path(store: Store, study: str) -> Path:
    return store.studies / study / ".rows.json"


def write_study_rows(store: Store, study: str, rows: Mapping[str, StudyRow]) -> None:
    """Write the rows of a study by run id; a file that says the same already is left alone.

    Raises:
        StoreError: the store cannot be written.
    """
    if read_study_rows(store, study) == rows:
        return
    path = _path(store, study)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    write_json(path, {run_id: asdict(row) for run_id, row in rows.items()})


def read_study_rows(store: Store, study: str) -> dict[str, StudyRow]:
    """Rows of a study by run id; none where nobody has written them, or they do not read."""
    try:
        written = read_json(_path(store, study))
        return {str(key): read(StudyRow, value, error=StoreError) for key, value in written.items()}
    except (AnError, AttributeError):
        return {}


def forget_study_rows(store: Store, study: str) -> None:
    """Remove what was written of a study's rows."""
    _path(store, study).unlink(missing_ok=True)
