"""docs/data.md: every command runs, on a tiny folder of images in ImageNet's place."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from an_cli.cli.__main__ import main
from an_cli.config import compose
from an_cli.launch import Door
from an_cli.models import make_model, published_names
from an_cli.worker.answering import answer_to
from an_cli.worker.data import data
from an_cli.worker.import_weights import import_weights
from tests.warm_door import warm_door

TEXT = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (an-cli .*)$", TEXT, re.MULTILINE)
CONFIG = """
source: image_folder
folder: imagenet
classes: 2
channels: 3
image_size: 32
resize: 36
mean: [0.485, 0.456, 0.406]
std: [0.229, 0.224, 0.225]
train_samples: 16
eval_samples: 4
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's machine: /data and /nfs, a config with the tiny set's counts, and a file of weights."""
    desk = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 2)):
        for name in ("n01440764", "n01443537"):
            folder = desk / "data" / "imagenet" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{name}_{i}.JPEG")
    (desk / "conf" / "data").mkdir(parents=True)
    (desk / "conf" / "data" / "imagenet.yaml").write_text(CONFIG)
    torch.set_num_threads(1)
    cell = compose(["model=resnet50", "norm=an_bn"]).cell
    model = make_model(cell.model, cell.norm, cell.recipe, classes=2, channels=3)
    names = published_names(model)
    state = {f"module.{names[name]}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": state}, desk / "resnet50.pth")
    return desk


@pytest.fixture
def _door_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no process of its own is answered here, and the rest by one that need not import torch anew."""
    real = Door.ask
    monkeypatch.setattr("an_cli.launch.ask.door.WORKER", warm_door())

    def ask(door: Door, verb: str, requests: Sequence[Any]) -> list[dict[str, Any]]:
        here = {"data": data, "import": import_weights}
        if verb not in here:
            return real(door, verb, requests)
        answers = io.StringIO()
        answer_to(json.loads(json.dumps(requests[0])), answers, here[verb])
        return [json.loads(answers.getvalue())]

    monkeypatch.setattr(Door, "ask", ask)


def on(desk: Path, line: str) -> list[str]:
    words = shlex.split(line)[1:]
    return [re.sub(r"(^|=)/(data|nfs)\b", rf"\1{desk}/\2", word) for word in words]


@pytest.mark.usefixtures("_door_in_this_process")
def test_every_command_runs_in_the_order_of_the_page(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(desk)
    for name in ("AN_CLI_STORE", "AN_CLI_DATA"):
        monkeypatch.delenv(name, raising=False)
    said = {}
    for line in COMMANDS:
        words = on(desk, line)
        if words[0] == "evaluate":
            words += ["launch.device=cpu", "launch.loader_workers=0", "--ranks", "2"]
        status = main(words)
        out, err = capfd.readouterr()
        assert status == 0, (line, err)
        said[line] = out
    assert len(said) == len(COMMANDS) == 7
    verified = [out.partition("\n")[2] for line, out in said.items() if " verify " in line]
    assert verified[0] == verified[1], "the folder and its shards have one fingerprint"
    assert "every image was decoded" in verified[0]
    assert "train: 16 images in 1 shards" in next(iter(said.values()))
    evaluated = next(out for line, out in said.items() if " evaluate " in line)
    assert re.search(r"4 samples\n  top-1 error \d+\.\d\d %, top-5 error 0\.00 %", evaluated)
    assert "2 processes" in evaluated
    run_id = re.search(r"run (\w{16}): imported, not trained", said[COMMANDS[-1]])
    assert run_id is not None
    assert_told_as_imported(run_id[1], capfd)


def assert_told_as_imported(run_id: str, capfd: pytest.CaptureFixture[str]) -> None:
    """`plan`, `status`, `show` and the table of a study that has this cell."""
    assert main(["status"]) == 0
    assert re.search(rf"{run_id} .* imported ", capfd.readouterr().out)
    assert main(["plan", "table1", "--no-costs"]) == 0
    assert "1 imported (not trained)" in capfd.readouterr().out
    assert main(["show", run_id]) == 0
    assert "not evaluated yet" in capfd.readouterr().out
    assert main(["evaluate", run_id, "launch.data_root=nfs", "launch.device=cpu", "launch.loader_workers=0"]) == 0
    assert "(imported), 4 samples" in capfd.readouterr().out
    assert main(["show", run_id]) == 0
    assert "  evaluated: top-1 error" in capfd.readouterr().out
    main(["report", "table1"])
    table = capfd.readouterr().out
    assert "seed 0: imported, not trained: top-1 error" in table
    assert main(["run", "launch.data_root=nfs"]) == 1
    assert "imported" in capfd.readouterr().err


def test_the_heavy_door_itself_answers_and_fails_in_one_line(desk: Path) -> None:
    command = [sys.executable, "-m", "an_cli", "data", "verify", str(desk / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("an-cli: no such folder")
    assert done.stderr.count("\n") == 1


def test_the_layout_in_the_page_is_what_prepare_writes(desk: Path) -> None:
    assert re.findall(r"^    /nfs/imagenet/(\S+)$", TEXT, re.MULTILINE) == [
        "index.npz",
        "train-00000-of-00140.tar",
        "val-00000-of-00006.tar",
    ]
    written = {path.name for path in (desk / "nfs" / "imagenet").glob("*")}
    assert written <= {"index.npz", "train-00000-of-00001.tar", "val-00000-of-00001.tar"}


def test_the_example_of_a_data_set_of_ones_own_composes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(# conf/data/birds\.yaml\n.*?)```", text, re.DOTALL)
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "birds.yaml").write_text(block)
    monkeypatch.chdir(tmp_path)
    composed = compose(["model=resnet50", "recipe=vanilla", "data=birds", "launch.data_root=/data"])
    assert (composed.cell.data.folder, composed.cell.data.classes) == ("birds", 200)
