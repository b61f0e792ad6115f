"""Which submission to a scheduler stands for a run: numbered records, as claims are.

A submitter takes submission n+1 by an atomic link, which only one contender can do; two commands at once therefore make
one set of jobs. It carries the token that names the job, and why the submissions before it ended, so that budgets need
no daemon and no other file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from an_cli.config import read
from an_cli.errors import StoreError
from an_cli.files import cannot_write
from an_cli.store.folder import RunFolder
from an_cli.store.numbered import add_record, newest_number

REMEMBERED = 50  # earlier ends that a record carries


@dataclass(frozen=True, kw_only=True)
class End:
    """How one submission of a run ended.

    Attributes:
        cause: a word of `launch.slurm.states.Cause`.
        detail: first line of the error, or what the scheduler said.
        step: how far training was.
        job: the scheduler's id.
        node: where it ran.
    """

    cause: str
    detail: str
    step: int
    job: str
    node: str


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A run's place in a job: element `task` of the array whose name carries the token."""

    number: int
    token: str
    task: int
    after: tuple[End, ...]


def newest_submission(run: RunFolder) -> Submission | None:
    """The submission that stands for a run; None when it never was submitted.

    Raises:
        StoreError: its record is damaged.
    """
    folder = os.fspath(run.submissions)  # texts, not paths, from here on: `status` asks this of 10,000 runs
    try:
        number = newest_number(folder)
        if not number:
            return None
        with open(f"{folder}/{number}", "rb") as file:
            content = json.load(file)
        if not content["after"] and isinstance(content["token"], str) and isinstance(content["task"], int):
            return Submission(number=number, token=content["token"], task=content["task"], after=())
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"a submission cannot be read: {error}", where=run.id, now="remove its file") from error
    return read(Submission, {**content, "number": number}, where=f"{run.id}/{number}", error=StoreError)


def take_submission(run: RunFolder, wanted: Submission) -> bool:
    """Make a submission the one that stands for a run, on disk when this returns.

    Returns:
        False when another submitter was faster.

    Raises:
        StoreError: the folder cannot be written.
    """
    value = asdict(wanted) | {"after": [asdict(end) for end in wanted.after[-REMEMBERED:]]}
    try:
        return add_record(run.submissions, wanted.number, json.dumps(value), durable=True)
    except OSError as error:
        raise cannot_write(run.submissions / "submission", error) from error
