"""The learning rate is the paper's, sample by sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from an_cli.train.schedule import learning_rate

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "learning_rates.json").read_text())


@pytest.mark.parametrize("schedule", GOLDEN["schedules"], ids=lambda schedule: schedule["name"])
def test_rates_equal_the_published_recipes(schedule: dict) -> None:
    for epoch, iteration, expected in schedule["samples"]:
        found = learning_rate(
            schedule["peak"],
            step=epoch * schedule["steps_per_epoch"] + iteration,
            steps_per_epoch=schedule["steps_per_epoch"],
            epochs=schedule["epochs"],
            warmup_epochs=schedule["warmup_epochs"],
        )
        assert found == pytest.approx(expected, abs=1e-9)


def test_without_warm_up_the_first_step_is_already_on_the_cosine() -> None:
    first = learning_rate(1.0, step=0, steps_per_epoch=10, epochs=2, warmup_epochs=0)
    assert 0.99 < first < 1.0


def test_the_last_step_has_rate_zero() -> None:
    assert learning_rate(0.4, step=29, steps_per_epoch=10, epochs=3, warmup_epochs=1) == 0.0
