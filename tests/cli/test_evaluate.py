"""What `evaluate`, `import-weights` and `data` ask of the heavy door, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from an_cli.launch import Door
from tests.cli.conftest import BASE, Call

ANSWERS: dict[str, dict[str, Any]] = {
    "evaluate": {
        "loss": 0.5, "top1_error_pct": 20.0, "top5_error_pct": 1.0, "samples": 100, "weights": "step 15",
        "fingerprint": "f", "device": "paper", "threads": 1, "ranks": 1, "seconds": 3.0,
    },
    "import": {
        "names": "published", "taken": "", "tensors": 3, "params": 5, "macs": 7, "precision": "float32", "sha256": "5",
        "run": None,
    },
}  # fmt: skip
Asked = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def asked(call: Call, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the heavy door was asked, and a finished run in the store to ask about."""
    assert call("run", *BASE).status == 0
    found: Asked = []

    def ask(door: Door, verb: str, requests: Sequence[Any]) -> list[dict[str, Any]]:
        found.extend((verb, request) for request in requests)
        return [ANSWERS[verb]]

    monkeypatch.setattr(Door, "ask", ask)
    return found


@pytest.fixture
def run_id(asked: Asked, folder: Path) -> str:
    (found,) = (folder / "runs").iterdir()
    return found.name


def test_a_run_is_evaluated_as_it_was_and_held_against_its_record(call: Call, asked: Asked, run_id: str) -> None:
    said = call("evaluate", run_id[:6], "--ranks", "2", "--epoch", "best", "--out", "found.npz")
    ((verb, request),) = asked
    assert verb == "evaluate"
    assert request["run"].endswith(run_id)
    assert (request["file"], request["epoch"], request["record"]) == (None, "best", False)
    assert request["launch"]["ranks"] == 2
    assert request["out"] == str(Path("found.npz").resolve())
    assert request["threads"] == request["config"]["recipe"]["cpu_threads"] == 1
    assert "top-1 error 20.00 %, top-5 error 1.00 %, loss 0.5000" in said.out
    assert "equal to the run's record, to the last bit" in said.out


def test_another_number_than_the_record_is_said(
    call: Call, asked: Asked, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWERS, "evaluate", {**ANSWERS["evaluate"], "loss": 0.6})
    assert "the run's record says top-1 error 20.00 %, loss 0.5000" in call("evaluate", run_id).out
    assert call("evaluate", run_id, "--json").json["recorded"]["loss"] == 0.5


def test_on_other_data_there_is_no_record_to_compare(call: Call, asked: Asked, run_id: str) -> None:
    said = call("evaluate", run_id, "data.eval_samples=40", "--json")
    assert said.json["recorded"] is None
    assert asked[0][1]["config"]["data"]["eval_samples"] == 40
    assert asked[0][1]["config"]["data"]["train_samples"] == 40


def test_another_data_set_is_taken_whole_and_needs_no_fitting_augmentation(
    call: Call, asked: Asked, run_id: str
) -> None:
    assert call("evaluate", run_id, "--data", "fashion_mnist_small", "data.eval_samples=100").status == 0
    data = asked[0][1]["config"]["data"]
    assert (data["source"], data["image_size"], data["eval_samples"]) == ("fashion_mnist_small", 28, 100)
    assert call("evaluate", run_id, "--data", "imagenet").err.startswith("an-cli: 1000 classes, the network has 10")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recipe.lr=1"], "a run's network is fixed"),
        (["--model", "resnet50"], "a run's network is fixed"),
        (["data.evalsamples=1"], "eval_samples"),
        (["--ranks", "0"], "launch.ranks"),
    ],
)
def test_what_a_run_cannot_be_evaluated_with_is_refused(
    call: Call, asked: Asked, run_id: str, words: list[str], message: str
) -> None:
    said = call("evaluate", run_id, *words)
    assert said.status == 1
    assert message in said.err
    assert not asked


def test_a_target_that_is_neither_run_nor_file_is_refused(call: Call, asked: Asked) -> None:
    said = call("evaluate", "nothing.pt")
    assert (said.status, said.out) == (1, "")
    assert "no such file (nothing.pt)" in said.err
    assert "no run 'nothing'" in call("evaluate", "nothing").err


def test_a_file_is_evaluated_as_the_cell_that_the_options_name(call: Call, asked: Asked, folder: Path) -> None:
    (folder / "weights.pth").touch()
    words = ["--model", "mobilenet_v2", "--norm", "bn", "--data", "synthetic", "recipe.batch_per_replica=7"]
    assert call("evaluate", "weights.pth", *words).status == 0
    request = asked[0][1]
    assert request["config"]["model"]["family"] == "mobilenet_v2"
    assert request["config"]["norm"]["attention"] is None
    assert request["config"]["recipe"]["batch_per_replica"] == 7
    assert (request["file"], request["run"]) == (str(folder / "weights.pth"), None)


def test_import_asks_for_the_cell_and_writes_only_what_is_asked(call: Call, asked: Asked, folder: Path) -> None:
    said = call("import-weights", "a.pth", "--model", "resnet50", "--norm", "an_bn", "--recipe", "sota")
    request = asked[0][1]
    assert (request["out"], request["store"]) == (None, None)
    assert request["config"]["recipe"]["stem"] == "deep3x3"
    assert request["choices"]["recipe"] == "sota"
    assert said.out.startswith("a.pth: 3 tensors in published names, 5 parameters, float32\n")
    call("import-weights", "a.pth", "--as-run", "--out", "b.pt")
    assert (asked[1][1]["store"], asked[1][1]["out"]) == (str(folder), str(folder / "b.pt"))


def test_refusals_of_the_heavy_door_are_one_line(
    call: Call, asked: Asked, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"error": {"what": "1 tensors missing: fc.bias", "where": "a.pth", "now": "choose"}}
    verbs: dict[str, Callable[[], Any]] = {
        "import": lambda: call("import-weights", "a.pth"),
        "evaluate": lambda: call("evaluate", run_id),
        "data": lambda: call("data", "verify", "."),
    }
    for verb, command in verbs.items():
        monkeypatch.setitem(ANSWERS, verb, error)
        said = command()
        assert (said.status, said.err) == (1, "an-cli: 1 tensors missing: fc.bias (a.pth) -> choose\n")


def test_verify_lists_what_is_wrong_and_exits_1(call: Call, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    split = {
        "samples": 5, "bytes": 2048, "smallest_class": 1, "largest_class": 4, "absent_classes": ["fox"],
        "fingerprint": "f", "unreadable": [f"{i}.png: truncated" for i in range(30)],
    }  # fmt: skip
    monkeypatch.setitem(
        ANSWERS, "data", {"fingerprint": "e", "shards": None, "classes": 2, "train": split, "eval": split}
    )
    said = call("data", "verify", ".", "--data", "synthetic", "--quick")
    assert said.status == 1
    assert asked[0][1]["decode"] is False
    assert "2 classes, expected 10" in call("data", "verify", ".", "--data", "synthetic", "--json").json["problems"]
    assert "63 problems" in said.out
    assert "  cannot be decoded: 0.png: truncated\n" in said.out
    assert "  and 43 more\n" in said.out
    assert "1 classes have no image here: fox" in said.out
    assert "5 images, 1 to 4 per class, 2.0 KiB" in said.out
