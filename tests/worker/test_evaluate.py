"""Evaluating weights behind the heavy door: the same bits on any number of processes, and the numbers of the record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from an_cli.config import plain
from an_cli.data.prepare import prepare
from an_cli.store import RunFolder, read_config, read_per_sample, read_result
from an_cli.train import initial_model, make_task, read_launch
from an_cli.train.checkpoint import load_weights
from tests.warm import Warm

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def ask(evaluations: Any) -> Ask:
    found: Ask = evaluations.ask
    return found


def request(cell: RunFolder, *, ranks: int = 1, **changes: Any) -> dict[str, Any]:
    launch = {**plain(read_launch(cell)), "ranks": ranks}
    asked = {"config": plain(read_config(cell)), "launch": launch, "threads": 1, "run": str(cell.path), "file": None}
    return {**asked, "epoch": "last", "ema": False, "out": None, "record": False, **changes}


@pytest.fixture
def trained(warm: Warm, make_run: Callable[..., RunFolder]) -> RunFolder:
    run = make_run(overrides=["data.eval_samples=53"])  # in batches of 8, the last one of 5
    warm.ask(run)
    assert warm.exit() == 0, run.log.read_text()
    return run


def test_one_two_three_and_nine_processes_give_the_records_numbers_and_one_files_bytes(
    ask: Ask, trained: RunFolder, tmp_path: Path
) -> None:
    counts = (1, 2, 3, 9)  # nine: more than there are batches
    files = [tmp_path / f"{ranks}.npz" for ranks in counts]
    answers = [ask(request(trained, ranks=n, out=str(file))) for n, file in zip(counts, files, strict=True)]
    answers.append(ask(request(trained, ranks=2, epoch="best", out=str(tmp_path / "best.npz"))))
    result, correct = read_result(trained), read_per_sample(trained)
    for answer, recorded in zip(answers, [*[result.last] * 4, result.best], strict=True):
        assert (answer["loss"], answer["samples"]) == (recorded.loss, 53)
        assert answer["top1_error_pct"] == recorded["top1_error_pct"]
        assert answer["top5_error_pct"] == recorded["top5_error_pct"]
    assert [answer["ranks"] for answer in answers] == [1, 2, 3, 9, 2]
    assert [answer["weights"] for answer in answers] == [*["step 15"] * 4, f"epoch {result.best.epoch + 1}"]
    assert len({file.read_bytes() for file in files}) == 1
    with np.load(files[1]) as found, np.load(tmp_path / "best.npz") as found_best:
        assert found["top1"].tobytes() == correct.planes["last.top1"]
        assert found["top5"].tobytes() == correct.planes["last.top5"]
        assert found_best["top1"].tobytes() == correct.planes["best.top1"]
        np.testing.assert_array_equal(np.unpackbits(found["top1"])[:53] == 1, found["rank"] == 0)
        assert found["loss"].astype(np.float64).mean() == result.last.loss
        assert str(found["fingerprint"]) == correct.fingerprint == answers[0]["fingerprint"]


def test_a_file_of_a_runs_weights_gives_the_runs_numbers(ask: Ask, trained: RunFolder, tmp_path: Path) -> None:
    found = load_weights(trained, "step")
    assert found is not None
    torch.save(found[0], tmp_path / "weights.pt")
    torch.save({name: tensor for name, tensor in found[0].items() if name != "fc.bias"}, tmp_path / "cut.pt")
    whole, cut = ({"run": None, "file": str(tmp_path / f"{name}.pt")} for name in ("weights", "cut"))
    answer = ask(request(trained, ranks=2, **whole))
    assert answer["loss"] == read_result(trained).last.loss
    assert answer["weights"] == "our names"
    assert ask(request(trained, **cut))["error"]["what"] == "1 tensor missing: fc.bias"


def test_an_image_that_one_process_cannot_read_ends_them_all_and_is_named(
    ask: Ask, make_run: Callable[..., RunFolder], tmp_path: Path
) -> None:
    """On shards made from a folder, with the weights of an untrained network."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 1), ("val", 12)):
        for name in ("cat", "dog"):
            (tmp_path / "source" / split / name).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (24, 24), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "source" / split / name / f"{i:02d}.png")
    broken = tmp_path / "source" / "val" / "dog" / "11.png"
    whole = broken.read_bytes()
    prepare(tmp_path / "source", tmp_path / "sound" / "tiny", shards=1)
    broken.write_bytes(whole[:60])
    prepare(tmp_path / "source", tmp_path / "broken" / "tiny", shards=1)
    data = ["source=image_folder", "folder=tiny", "classes=2", "resize=20", "train_samples=null", "eval_samples=null"]
    run = make_run(overrides=["recipe.augment=none", *(f"data.{word}" for word in data)])
    torch.save(initial_model(make_task(read_config(run))).state_dict(), tmp_path / "weights.pt")
    asked = request(run, ranks=2, run=None, file=str(tmp_path / "weights.pt"))
    sound, bad = (
        {**asked, "launch": {**asked["launch"], "data_root": str(tmp_path / name)}} for name in ("sound", "broken")
    )
    assert ask(sound)["samples"] == 24
    shard = tmp_path / "broken" / "tiny" / "val-00000-of-00001.tar"
    assert ask(bad)["error"]["where"] == f"{shard}: dog/11.png"
