"""Reading a run's metrics while they grow: each line once, though an attempt that resumes takes some back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from an_cli.files import json_object
from an_cli.store.folder import RunFolder

_KEPT = 256  # bytes before the place of reading, by which a file that was replaced is recognized


@dataclass
class MetricsFollower:
    """Gives the lines of `metrics.jsonl` as they come.

    An attempt that continues from a checkpoint drops the lines after it and makes them again, with the same numbers;
    those are not given again. A line that a crash has torn is dropped by the attempt that resumes, and made again too.
    """

    run: RunFolder
    _offset: int = 0
    _before: bytes = b""
    _newest: tuple[int, bool] = (-1, False)

    def read(self) -> list[Mapping[str, Any]]:
        """Lines since the last call, in order. None while the disk does not answer: they come with a later call."""
        try:
            raw = self._grown()
        except OSError:
            return []
        fresh: list[Mapping[str, Any]] = []
        for line in raw.split(b"\n"):
            value = json_object(line) if line.strip() else None
            if value is None or not isinstance(value.get("step"), int):
                continue
            place = value["step"], value.get("kind") == "epoch"  # an epoch's line follows its last step's
            if place > self._newest:
                self._newest = place
                fresh.append(value)
        return fresh

    def _grown(self) -> bytes:
        """Whole lines beyond the place of reading; from the start of a file that has taken the other's place."""
        descriptor = os.open(self.run.metrics, os.O_RDONLY | os.O_CLOEXEC)
        try:
            before = os.pread(descriptor, len(self._before), self._offset - len(self._before))
            if before != self._before:
                self._offset, self._before = 0, b""
            size = os.fstat(descriptor).st_size
            raw = os.pread(descriptor, max(0, size - self._offset), self._offset)
        finally:
            os.close(descriptor)
        raw = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(raw)
        self._before = (self._before + raw)[-_KEPT:]
        return raw
