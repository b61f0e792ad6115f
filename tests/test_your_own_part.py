"""docs/your-own-part.md, done as it says: its package is built and installed, its files written, its commands run."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from an_cli.files import read_json, read_json_lines

DOC = (Path(__file__).parents[1] / "docs" / "your-own-part.md").read_text(encoding="utf-8")
Call = Callable[..., subprocess.CompletedProcess[str]]


def _blocks(language: str) -> dict[str, str]:
    found = re.findall(rf"^```{language}\n# (\S+)\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    return dict(found)


def _install(package: Path, into: Path) -> None:
    """What `pip install --target` does for a package of pure Python, without a network and without pip."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(package / "dist")]
    done = subprocess.run(build, cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((package / "dist").glob("*.whl"))) as wheel:
        wheel.extractall(into)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the doc's YAML files, and beside it the doc's package, installed."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the package, is not installed")
    home = tmp_path_factory.mktemp("home")
    package, desk = home / "my-parts", home / "desk"
    package.mkdir()
    for name, text in {**_blocks("python"), **_blocks("toml")}.items():
        (package / name).write_text(text, encoding="utf-8")
    _install(package, home / "site")
    for name, text in _blocks("yaml").items():
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / name).write_text(text, encoding="utf-8")
    return desk


@pytest.fixture(scope="module")
def call(desk: Path) -> Call:
    def run(*words: str, installed: bool = True, command: tuple[str, ...] = ("-m", "an_cli")) -> Any:
        path = {"PYTHONPATH": str(desk.parent / "site")} if installed else {}
        environment = {**os.environ, **path, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *command, *words], cwd=desk, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="module")
def ablated(call: Call) -> str:
    done = call("ablate", "own", "launch.device=cpu")
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def _runs(desk: Path) -> dict[str, Path]:
    return {link.name: link.resolve() for link in (desk / "studies" / "own").iterdir()}


def test_the_example_is_short() -> None:
    code = _blocks("python")["my_parts.py"]
    norm = code[code.index("class RMSNorm2d") : code.index("def plain_net")]
    assert len([line for line in norm.splitlines() if line.strip()]) <= 20


def test_the_docs_commands_are_those_that_are_run_here() -> None:
    block = re.findall(r"^```console\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)[0]
    verbs = [shlex.split(line)[2] for line in block.splitlines()]
    assert verbs == ["plan", "show", "ablate", "report"]


def test_plan_counts_them(call: Call, desk: Path) -> None:
    done = call("plan", "own", "--json")
    assert done.returncode == 0, done.stderr
    params = {row["label"]: row["params"] for row in json.loads(done.stdout)["rows"]}
    assert params["BN"] == 9 * 16 + 2 * 16 + 2 * 17
    assert params["RMS"] == params["BN"] - 16


def test_planning_never_imports_the_users_package(call: Call) -> None:
    code = (
        "import json, sys; from an_cli.cli.__main__ import main; status = main(sys.argv[1:]);"
        "print(status, 'my_parts' in sys.modules, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = call("plan", "own", "--no-costs", command=("-c", code))
    assert done.stderr.splitlines()[-1] == "0 False False"


def test_show_model_takes_a_parameter_as_an_override(call: Call) -> None:
    words = ["model=plain_net", "norm=rms", "data=stripes", "recipe.augment=none"]
    done = call("show", "model", *words, "model.parameters.width=8", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["params"] == 9 * 8 + 8 + 2 * 9
    wrong = call("show", "model", *words, "model.parameters.widht=8")
    assert wrong.returncode == 1
    assert "did you mean model.parameters.width" in wrong.stderr


def test_they_train_and_are_reported(ablated: str, call: Call, desk: Path) -> None:
    assert "RMS" in ablated
    done = call("report", "own", "--json")
    assert done.returncode == 0, done.stderr
    errors = {row["label"]: row["top1_error_pct"]["mean"] for row in json.loads(done.stdout)["rows"]}
    assert set(errors) == {"BN", "AN", "RMS"}
    assert min(errors.values()) < 50


def test_the_distribution_and_a_digest_are_recorded_and_nothing_of_them_is_in_the_id(ablated: str, desk: Path) -> None:
    run = next(path for label, path in _runs(desk).items() if "rms" in label.lower())
    stamps = read_json(run / "result.json")["plugins"]
    assert [stamp.rpartition(" ")[0] for stamp in stamps] == [
        "an_cli.models:plain_net my-parts 1.0", "an_cli.norms:rms my-parts 1.0", "an_cli.data:stripes my-parts 1.0",
    ]  # fmt: skip
    assert read_json_lines(run / "env.jsonl")[0][0]["plugins"] == stamps
    norm = read_json(run / "cell.json")["config"]["norm"]
    assert norm == {"standardize": "plugin", "entry_point": "rms", "parameters": {"eps": 1e-5}}


def test_another_version_of_the_package_marks_its_runs_as_made_by_other_code(
    ablated: str, call: Call, desk: Path
) -> None:
    def codes() -> set[str]:
        return {cell["code"] for cell in json.loads(call("plan", "own", "--no-costs", "--json").stdout)["cells"]}

    assert codes() == {"current"}
    module = desk.parent / "site" / "my_parts.py"
    before = module.read_text(encoding="utf-8")
    try:
        module.write_text(before + "\n# changed\n", encoding="utf-8")
        assert codes() == {"other"}
    finally:
        module.write_text(before, encoding="utf-8")


def test_without_the_package_only_what_starts_something_says_what_is_missing(ablated: str, call: Call) -> None:
    for verb in ("plan", "status", "report"):
        done = call(verb, "own", installed=False)
        assert done.returncode == 0, (verb, done.stderr)
    done = call("ablate", "own", "recipe.lr=0.3", installed=False)
    assert done.returncode == 1
    assert "unknown entry point 'plain_net' (model.entry_point)" in done.stderr
    assert "none is installed: install the package that declares it in group an_cli.models" in done.stderr
    code = "import an_cli; frame = an_cli.load('.'); print(sorted(frame['model.parameters.width'].unique()))"
    assert call(installed=False, command=("-c", code)).stdout.strip() == "[np.int64(16)]"


REGRESSION = re.findall(r"^  - (\S+=\S+)$", _blocks("yaml")["sweeps/regression.yaml"], re.MULTILINE)


def _regression(store: Path, *more: str) -> list[str]:
    return ["run", *REGRESSION, "recipe.epochs=30", "launch.device=cpu", *more, "--store", str(store)]


def _only_run(store: Path) -> Path:
    (run,) = (store / "runs").iterdir()
    return run


def test_a_task_of_ones_own_is_resumed_bit_for_bit(call: Call, desk: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = call(*_regression(whole))
    assert done.returncode == 0, done.stderr
    environment = {**os.environ, "PYTHONPATH": str(desk.parent / "site"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "an_cli", *_regression(broken)]
    with subprocess.Popen(
        words, cwd=desk, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        while run.poll() is None and not any((broken / "runs").glob("*/metrics.jsonl")):
            time.sleep(0.01)
        run.send_signal(signal.SIGTERM)
    assert not (_only_run(broken) / "result.json").exists(), "it was over before it was stopped: nothing was shown"
    assert call(*_regression(broken)).returncode == 0
    one, other = _only_run(whole), _only_run(broken)
    assert len(read_json_lines(other / "env.jsonl")[0]) == 2
    assert (one / "correct.bin").read_bytes() == (other / "correct.bin").read_bytes()
    numbers = [{key: read_json(run / "result.json")[key] for key in ("last", "best", "steps")} for run in (one, other)]
    assert numbers[0] == numbers[1]
    assert set(numbers[0]["last"]) == {"epoch", "loss", "samples", "rmse", "mae"}
    assert numbers[0]["best"]["rmse"] <= numbers[0]["last"]["rmse"]


def test_a_task_is_counted_as_it_builds_its_network(call: Call) -> None:
    params = {
        task: json.loads(call("show", "model", *REGRESSION, "norm=bn", *task, "--json").stdout)["params"]
        for task in ((), ("task=null",))
    }
    assert params[("task=null",)] - params[()] == 9 * (4 * 4 + 1)  # ten classes, and one number


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task=regres", "did you mean regress"),
        ("task.parameters.scle=2", "did you mean task.parameters.scale"),
        ("task.entry_point=regres", "unknown entry point 'regres' (task.entry_point)"),
        ("task.measures=[]", "declare at least one"),
    ],
)
def test_a_wrong_task_is_refused_with_what_is_legal(call: Call, override: str, message: str) -> None:
    done = call("show", "model", *REGRESSION, override)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.fixture(scope="module")
def regressed(call: Call) -> str:
    done = call("ablate", "regression", "launch.device=cpu")
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_a_table_of_a_task_has_its_measures_their_unit_direction_and_paired_intervals(
    regressed: str, call: Call, desk: Path
) -> None:
    assert "RMSE" in regressed
    assert "top-1" not in regressed
    assert "RMSE and MAE of the last epoch; lower is better." in regressed
    table = json.loads(call("report", "regression", "--json", installed=False).stdout)
    bn, an = table["rows"]
    assert table["columns"] == ["design", "seeds", "params", "macs", "rmse", "mae", "gain", "differs"]
    assert an["gain"]["of"] == "rmse"
    assert an["gain"]["comparison"]["covers"] == "seeds and samples"
    low, high = an["gain"]["comparison"]["interval"]
    assert low <= an["gain"]["mean"] <= high
    assert an["gain"]["mean"] == pytest.approx(an["rmse"]["mean"] - bn["rmse"]["mean"], abs=1e-9)
    for run_id, value in zip(an["runs"], an["rmse"]["values"], strict=True):
        raw = (desk / "runs" / run_id / "correct.bin").read_bytes()
        samples = 80
        squared = np.frombuffer(raw[raw.index(b"\n") + 1 :][: 4 * samples], dtype="<f4")
        assert value == pytest.approx(float(np.sqrt(squared.astype(float).mean())), rel=1e-6)


def test_every_view_of_a_task_shows_its_own_measure(regressed: str, call: Call, desk: Path, tmp_path: Path) -> None:
    assert "RMSE" in call("status", "regression").stdout
    run = next(iter((desk / "studies" / "regression").iterdir())).resolve()
    shown = call("show", run.name).stdout
    assert re.search(r"last: epoch 4, RMSE 0\.\d{3}, MAE 0\.\d{3}", shown)
    evaluated = json.loads(call("evaluate", run.name, "--json").stdout)
    assert evaluated["rmse"] == read_json(run / "result.json")["last"]["rmse"]
    page = tmp_path / "page.html"
    assert call("dashboard", "--out", str(page)).returncode == 0
    data = json.loads(
        re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)[0]
    )
    assert [one["key"] for one in data["measures"] if one["primary"]][-1] == "rmse"
    assert "last_rmse" in data["runs"]
    assert call("figure", "curves", "regression", "--out", str(tmp_path / "curves.svg")).returncode == 0
    code = "import an_cli; frame = an_cli.load('.'); print(sorted(name for name in frame if 'rmse' in name))"
    assert call(installed=False, command=("-c", code)).stdout.strip() == "['best_rmse', 'last_rmse']"


def test_rows_of_two_tasks_are_not_compared(regressed: str, call: Call, desk: Path) -> None:
    study = _blocks("yaml")["sweeps/regression.yaml"]
    mixed = study + '  - {label: "classes", set: [norm=bn, task=null]}\n'
    (desk / "sweeps" / "mixed.yaml").write_text(mixed, encoding="utf-8")
    done = call("ablate", "mixed", "launch.device=cpu", "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)["rows"][2]
    assert row["gain"]["mean"] is None
    assert row["rmse"]["mean"] is None
    assert row["top1_error_pct"]["mean"] is not None
