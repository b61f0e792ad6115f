"""Optuna's journal as a file on a shared disk: one writer at a time, whole lines, what is torn or foreign skipped.

The lines are Optuna's own, so its tools open the file as it is. What differs is how it is read and written: a reader
takes no line that is not complete, skips and counts what is no line of a journal, and goes on from the byte where it
stopped; a writer holds the turn (`plan.turn`), closes a line that a crash has torn, and takes back what a full disk has
cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from an_cli.files import JsonDecoder, cannot_write, json_object

Log = Mapping[str, Any]
# What an operation must hold to be applied, by Optuna's number of it.
_TRIAL = frozenset({"worker_id", "trial_id"})
_STUDY = frozenset({"worker_id", "study_id"})
_KEYS: Mapping[int, frozenset[str]] = {
    0: frozenset({"worker_id", "study_name", "directions"}),
    1: _STUDY,
    2: _STUDY | {"user_attr"},
    3: _STUDY | {"system_attr"},
    4: _STUDY | {"datetime_start"},
    5: _TRIAL | {"param_name", "param_value_internal", "distribution"},
    6: _TRIAL | {"state", "values"},
    7: _TRIAL | {"step", "intermediate_value"},
    8: _TRIAL | {"user_attr"},
    9: _TRIAL | {"system_attr"},
}
_LINES = JsonDecoder(dict[str, Any])


class JournalFile:
    """A backend of Optuna's `JournalStorage`.

    Args:
        path: the file; it need not exist.
        check: called before every write; raises where the turn is no longer ours.

    Attributes:
        skipped: lines read so far that were torn or foreign.
    """

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None) -> None:
        self._path, self._check = path, check
        self._number, self._offset = 0, 0  # of what was read: logs given out, bytes
        self.skipped = 0

    def read_logs(self, log_number_from: int) -> Iterable[Log]:
        """The logs from a number on; Optuna asks for those after the last one that it has applied."""
        if log_number_from < self._number:
            self._number, self._offset, self.skipped = 0, 0, 0
        logs = self._more()
        start, self._number = self._number, self._number + len(logs)
        return logs[log_number_from - start :]

    def _more(self) -> list[Log]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                raw = file.read()
        except FileNotFoundError:
            return []
        whole = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(whole)
        logs, skipped = decode_lines(whole)
        self.skipped += skipped
        return logs

    def append_logs(self, logs: Sequence[Log]) -> None:
        """Append logs, all or none, on disk when this returns.

        Raises:
            StoreError: the disk refuses; nothing of them is left then, or what is left is skipped by every reader.
            Fenced: the turn has passed to somebody else.
        """
        self._check()
        text = "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in logs).encode()
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                _append(descriptor, text)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise cannot_write(self._path, error) from error


def _append(descriptor: int, text: bytes) -> None:
    size = os.fstat(descriptor).st_size
    torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    view = memoryview(b"\n" + text if torn else text)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def decode_lines(raw: bytes) -> tuple[list[Log], int]:
    """The logs of complete lines, and how many lines were none."""
    try:
        entries: list[Any] = _LINES.decode_lines(raw)
    except (ValueError, RecursionError):
        entries = [json_object(line) for line in raw.split(b"\n") if line.strip()]
    logs = [log for log in entries if log is not None and _is_log(log)]
    return logs, len(entries) - len(logs)


def _is_log(log: Log) -> bool:
    keys = _KEYS.get(log.get("op_code", -1)) if isinstance(log.get("op_code"), int) else None
    return keys is not None and keys <= log.keys()
