"""The per-sample evidence behind a measure: read, turned into numbers that can be compared, checked against results.

Two kinds: bits (whether a sample was right, behind an error rate) and numbers (an error of each sample, behind a mean
or a root mean). Both are handed on as arrays [runs, samples]; which test they get is decided in `differences`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from an_cli.config.task import Evidence, Summary
from an_cli.errors import StoreError
from an_cli.report.statistics.inference import POINTS, Wrong
from an_cli.store import Measures, PerSample, Result, RunRecord, Store, read_per_sample
from an_cli.store.per_sample import Kind

Samples = Mapping[str, PerSample | str]  # run id -> its evidence, or why it cannot be read
Numbers = NDArray[np.float64]  # [run, sample]; the mean over samples is the run's value of the measure
_TOLERANCE = 1e-6  # results are written as floats, and single samples as float32


def read_samples(store: Store, records: Iterable[RunRecord]) -> dict[str, PerSample | str]:
    """Per-sample evidence of the finished runs among records; a reason in place of what cannot be read."""
    evidence: dict[str, PerSample | str] = {}
    for record in records:
        if record.result is not None:
            try:
                evidence[record.id] = read_per_sample(store.run(record.id))
            except StoreError as error:
                evidence[record.id] = error.what
    return evidence


@lru_cache(maxsize=32)  # a table's rows are all compared with few references
def wrong(several: tuple[PerSample, ...], plane: str) -> Wrong:
    """Which samples are wrong, as 0 and 1 in data-set order; read-only.

    Args:
        several: runs on one evaluation set, with bits.
        plane: for example "last.right".

    Returns:
        Shape: [runs, samples].
    """
    packed = np.frombuffer(b"".join([run.planes[plane] for run in several]), dtype=np.uint8)
    right = np.unpackbits(packed.reshape(len(several), -1), axis=1, count=several[0].samples)
    missed = np.bitwise_xor(right, np.uint8(1))
    missed.flags.writeable = False
    return missed


@lru_cache(maxsize=32)
def numbers(several: tuple[PerSample, ...], plane: str, summary: Summary) -> Numbers:
    """What every sample adds to a run's value of a measure; read-only.

    For a mean these are the recorded numbers x. For a root mean v = sqrt(mean x) they are (x / v + v) / 2: their mean
    is v exactly, and they vary as v does, to first order (the delta method), from sample to sample.

    Args:
        several: runs on one evaluation set, with numbers.
        plane: for example "last.squared".
        summary: how the measure follows from the plane.

    Returns:
        Shape: [runs, samples].
    """
    recorded = np.stack([_recorded(run, plane) for run in several])
    if summary is Summary.ROOT_MEAN:
        value = np.sqrt(recorded.mean(axis=1, keepdims=True))
        recorded = (np.divide(recorded, value, out=np.zeros_like(recorded), where=value > 0) + value) / 2
    recorded.flags.writeable = False
    return recorded


def _recorded(evidence: PerSample, plane: str) -> Numbers:
    return np.frombuffer(evidence.planes[plane], dtype="<f4").astype(np.float64)


def value_of(samples: PerSample, plane: str, summary: Summary) -> float:
    """The value of a measure that its evidence gives."""
    if summary is Summary.ERROR_PCT:
        right = int.from_bytes(samples.planes[plane]).bit_count()
        return (samples.samples - right) * POINTS / samples.samples
    mean = float(_recorded(samples, plane).mean())
    return math.sqrt(mean) if summary is Summary.ROOT_MEAN else mean


def contradiction(samples: PerSample, record: RunRecord, result: Result, measures: Measures) -> str:
    """How the evidence of a run contradicts its numbers; empty where they agree.

    The two files are written apart, so a number that a disk or a hand has changed shows here.
    """
    evaluated = {attempt.eval_fingerprint for attempt in record.attempts}
    if evaluated and samples.fingerprint not in evaluated:
        return "correct.bin is of other evaluation data than its attempts"
    for epoch, evaluation in (("last", result.last), ("best", result.best)):
        if evaluation.samples != samples.samples:
            return f"correct.bin holds {samples.samples} samples, result.json {evaluation.samples}"
        for measure in measures.all:
            if measure.evidence is None:
                continue
            if not has_plane(samples, epoch, measure.evidence):
                return f"correct.bin does not hold {epoch}.{measure.evidence.plane}"
            counted = value_of(samples, f"{epoch}.{measure.evidence.plane}", measure.evidence.summary)
            recorded = evaluation[measure.key]
            if not abs(counted - recorded) <= _TOLERANCE * max(1.0, abs(recorded)):
                here, there = (f"{number:g} {measure.unit}".rstrip() for number in (recorded, counted))
                return f"{epoch} {measure.title} is {here} in result.json, {there} in correct.bin"
    return ""


def has_plane(samples: PerSample, epoch: str, evidence: Evidence) -> bool:
    """Whether a record holds the evidence of an epoch, in the kind that the measure asks for."""
    bits = evidence.summary is Summary.ERROR_PCT
    return f"{epoch}.{evidence.plane}" in samples.planes and (samples.kind is Kind.BITS) is bits
