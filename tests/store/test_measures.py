"""The declared measures: direction, keys, planes; and numbers as per-sample evidence."""

from __future__ import annotations

import numpy as np
import pytest

from an_cli.config.task import Better
from an_cli.errors import StoreError
from an_cli.store import CLASSIFICATION, Kind, PerSample
from an_cli.store.per_sample import decode, encode


def test_a_better_value_lies_on_the_better_side_and_equals_do_not_beat_each_other() -> None:
    assert Better.LOWER.beats(1.0, 2.0)
    assert Better.HIGHER.beats(2.0, 1.0)
    assert not any(better.beats(1.0, 1.0) for better in Better)
    assert not any(better.beats(float("nan"), 1.0) for better in Better)


def test_measures_are_found_by_key_and_name_their_planes_in_file_order() -> None:
    assert CLASSIFICATION.primary.key == "top1_error_pct"
    assert CLASSIFICATION["top5_error_pct"].title == "top-5 error"
    assert "rmse" not in CLASSIFICATION
    with pytest.raises(KeyError):
        CLASSIFICATION["rmse"]
    assert CLASSIFICATION.planes == ("last.top1", "last.top5", "best.top1", "best.top5")


def test_numbers_come_back_as_they_went_and_are_never_taken_for_bits() -> None:
    squared = np.array([0.25, 1.5, 4.0], dtype="<f4").tobytes()
    evidence = PerSample(3, "f" * 16, {"last.squared_error": squared, "best.squared_error": squared}, Kind.FLOAT32)
    raw = encode(evidence)
    assert decode(raw, where="a run") == evidence
    for damaged in (raw[:-1], raw + b"\0", raw.replace(b'"kind":"float32",', b"", 1)):
        with pytest.raises(StoreError, match=r"correct\.bin is damaged"):
            decode(damaged, where="a run")
