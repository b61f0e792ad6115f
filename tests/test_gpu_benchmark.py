"""What benchmarks/gpu.sh asks of a GPU, asked of the CPU; `bash benchmarks/gpu.sh --dry` does all of it, in minutes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import gpu

CPU = torch.device("cpu")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """No processes, and networks of one layer."""

    def tiny() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1000))

    monkeypatch.setattr(gpu, "networks", lambda: {name: tiny() for name in ("torchvision bn", "ours an_bn")})
    monkeypatch.setattr(gpu, "train_in", lambda kind, device, folder: f"trained in {kind}")
    monkeypatch.setattr(gpu, "ranks", lambda device, folder: "two ranks")
    monkeypatch.setattr("sys.argv", ["gpu", "--dry"])


@pytest.mark.usefixtures("short")
def test_a_dry_run_makes_every_check_and_compares_with_torchvision(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main() == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["passed"] for one in said["checks"].values()] == [True] * 5
    assert said["checks"]["training in bf16, 2 replicas"]["said"] == "trained in bf16"
    assert said["training"]["torchvision bn"]["of_torchvision"] == 1
    assert said["training"]["ours an_bn"]["images_per_s"] > 0


def test_a_check_that_fails_is_told_and_the_others_are_made(tmp_path: Path) -> None:
    def wrong() -> str:
        return gpu._below(1.0, 0.5, "weights")

    found = gpu.check({"wrong": wrong, "right": lambda: "fine"})
    assert (found["wrong"]["passed"], found["right"]["passed"]) == (False, True)
    assert found["wrong"]["said"] == "AssertionError: weights: 1.0e+00 apart, 5e-01 allowed"
    with pytest.raises(AssertionError):
        gpu._below(float("nan"), 0.5, "weights")


def test_without_a_gpu_it_says_how_to_run_dry(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gpu"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main() == 1
    assert "--dry" in capsys.readouterr().err
