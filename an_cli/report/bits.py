"""The samples that finished runs got wrong, and whether they say the same as the runs' error rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np

from an_cli.errors import StoreError
from an_cli.report.inference import POINTS, Wrong
from an_cli.store import PerSample, Result, RunRecord, Store, read_per_sample

Bits = Mapping[str, PerSample | str]  # run id -> its bits, or why they cannot be read
_TOLERANCE = 1e-6  # points: error rates are written as floats


def read_bits(store: Store, records: Iterable[RunRecord]) -> dict[str, PerSample | str]:
    """Per-sample correctness of the finished runs among records; what cannot be read is told, not raised."""
    found: dict[str, PerSample | str] = {}
    for record in records:
        if record.result is not None:
            try:
                found[record.id] = read_per_sample(store.run(record.id))
            except StoreError as error:
                found[record.id] = error.what
    return found


@lru_cache(maxsize=32)  # a table's rows are all compared with few references
def wrong(several: tuple[PerSample, ...], plane: str) -> Wrong:
    """Which samples are wrong, as 0 and 1 in data-set order; read-only.

    Args:
        several: runs on one evaluation set.
        plane: for example "last.top1".

    Returns:
        Shape: [runs, samples].
    """
    packed = np.frombuffer(b"".join([one.planes[plane] for one in several]), dtype=np.uint8)
    right = np.unpackbits(packed.reshape(len(several), -1), axis=1, count=several[0].samples)
    found = np.bitwise_xor(right, np.uint8(1))
    found.flags.writeable = False
    return found


def disagreement(correct: PerSample, record: RunRecord, result: Result) -> str:
    """How the bits of a run contradict its numbers; empty where they agree.

    The two files are written apart, so a number that a disk or a hand has changed shows here.
    """
    evaluated = {attempt.eval_fingerprint for attempt in record.attempts}
    if evaluated and correct.fingerprint not in evaluated:
        return "correct.bin is of other evaluation data than its attempts"
    for which, evaluation in (("last", result.last), ("best", result.best)):
        if evaluation.samples != correct.samples:
            return f"correct.bin holds {correct.samples} samples, result.json {evaluation.samples}"
        for measure, error_pct in (("top1", evaluation["top1_error_pct"]), ("top5", evaluation["top5_error_pct"])):
            counted = _errors(correct, f"{which}.{measure}") * POINTS / correct.samples
            if abs(counted - error_pct) > _TOLERANCE:
                return f"{which} {measure} error is {error_pct:g} % in result.json, {counted:g} % in correct.bin"
    return ""


def _errors(correct: PerSample, plane: str) -> int:
    return correct.samples - int.from_bytes(correct.planes[plane]).bit_count()
