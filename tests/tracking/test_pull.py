"""`pull`: runs of W&B come into the store as records, each once, and what is wrong is one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from an_cli.config import Composer, cell_id, plain
from an_cli.store import Store
from an_cli.store.pulled import PulledRun, read_pulled
from tests.tiny import TINY
from tests.tracking.conftest import Sdk
from tests.tracking.kept import HISTORY, KeptRun
from tests.tracking.wandb_service import Service

ACCURACY = ("--metric", "top1_accuracy_pct=val/acc1")


def add_run(service: Service, name: str, *accuracies: float, **fields: object) -> KeptRun:
    """A run in the double that logged these accuracies, as another program would have."""
    run = KeptRun("lab", "p", name, len(service.runs) + 1, name=f"run {name}", **{"state": "finished", **fields})  # type: ignore[arg-type]
    run.raw_config = {"lr": {"value": 0.1}, "token": {"value": "WANDB_API_KEY=s3cr3t-s3cr3t-s3cr3t"}}
    run.summary = {"val/acc1": accuracies[-1], "loss": 1.0, "_step": len(accuracies) - 1}
    rows = [{"_step": step, "val/acc1": accuracy} for step, accuracy in enumerate(accuracies)]
    run.lines[HISTORY] = {row["_step"]: json.dumps(row) for row in rows}  # type: ignore[misc]
    service.kept.projects.add(("lab", "p"))
    service.runs["lab", "p", name] = run
    return run


@pytest.fixture
def runs(service: Service) -> Service:
    for number in range(3):
        add_run(service, f"r{number}", 70.0, 76.5 + number, 76.0 + number)
    add_run(service, "broken", 50.0, state="crashed")
    return service


def pull(sdk: Sdk, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`an-cli pull` in a process of its own, with no patience for a service that turns it away."""
    program = """
        import sys
        import an_cli.tracking.wandb_reader as reader
        import an_cli.tracking.pull as pulling
        from an_cli.cli.__main__ import main
        reader.PAGE = 2
        pulling.pull.__kwdefaults__["pauses_s"] = (0.1, 0.1)
        raise SystemExit(main(["pull", *sys.argv[1:]]))
        """
    return sdk.run(program, *words, environment={"PYTHONPATH": str(Path(__file__).parents[2]), **environment})


def record(sdk: Sdk, name: str) -> PulledRun | None:
    return read_pulled(Store(sdk.home), f"lab/p/{name}")


def operations(service: Service) -> Sequence[str]:
    return [asked.operation for asked in service.requests if asked.route == "graphql" and asked.operation != "Viewer"]


def test_runs_come_as_records_once_and_again_only_when_they_change(runs: Service, sdk: Sdk) -> None:
    done = pull(sdk, "lab/p", *ACCURACY)
    assert done.returncode == 0, done.stderr
    assert "3 pulled" in done.stdout
    assert "imported: [lab/p/r0, ...]" in done.stdout
    r1 = record(sdk, "r1")
    assert r1 is not None
    assert (r1.imported_from, r1.run, r1.name, r1.state) == ("wandb", "lab/p/r1", "run r1", "finished")
    assert (r1.values, r1.best) == ({"top1_error_pct": 23.0}, {"top1_error_pct": 22.5})
    assert r1.sources == {"top1_error_pct": "100 - val/acc1"}
    assert (r1.unverified, r1.doubts, r1.cell) == (("code", "data", "evaluation"), (), "")
    assert r1.config["lr"] == 0.1
    assert record(sdk, "broken") is None, "only finished runs, unless a filter names a state"
    # Two pages of a list, two pages of configs and summaries, a history for each run:
    assert sorted(operations(runs)) == ["RunSampledHistory"] * 3 + ["Runs"] * 4

    runs.requests.clear()
    same = pull(sdk, "lab/p", *ACCURACY, "--json")
    assert json.loads(same.stdout) == {
        "pulled": [],
        "same": ["lab/p/r0", "lab/p/r1", "lab/p/r2"],
        "due": [],
        "skipped": {},
    }
    assert operations(runs) == ["Runs", "Runs"], "a second pull repeats nothing but the list"

    add_run(runs, "r1", 70.0, 71.0, 72.0, 80.0)
    changed = pull(sdk, "lab/p", *ACCURACY, "--json")
    assert [each["run"] for each in json.loads(changed.stdout)["pulled"]] == ["lab/p/r1"]
    assert record(sdk, "r1").values == {"top1_error_pct": 20.0}  # type: ignore[union-attr]


def test_a_dry_run_writes_nothing(runs: Service, sdk: Sdk) -> None:
    done = pull(sdk, "lab/p", "--dry-run", "--filter", "name!=r1")
    assert "would pull lab/p/r0\nwould pull lab/p/r2\n2 to pull" in done.stdout
    assert not (sdk.home / "pulled").exists()
    assert set(operations(runs)) == {"Runs"}


def test_limits_of_the_service_are_waited_for_and_no_run_is_left_out(runs: Service, sdk: Sdk) -> None:
    """Also where a later page is what is turned away: the SDK's own iterator would lose a run there."""
    runs.fail(429, retry_after_s=0.1, operation="Runs", after=1, times=3)
    done = pull(sdk, "lab/p", *ACCURACY, "--json")
    assert done.returncode == 0, done.stderr
    assert [each["run"] for each in json.loads(done.stdout)["pulled"]] == ["lab/p/r0", "lab/p/r1", "lab/p/r2"]
    assert "limits how often it may be asked" in done.stderr


def test_a_pull_that_was_broken_off_goes_on_where_it_ended(runs: Service, sdk: Sdk) -> None:
    fault = runs.fail(429, retry_after_s=0.1, operation="RunSampledHistory", after=2)
    broken = pull(sdk, "lab/p", *ACCURACY)
    assert broken.returncode == 1
    assert fault.hits
    assert broken.stderr.splitlines()[-1].startswith("an-cli: W&B limits how often it may be asked (HTTP 429) (lab/p)")
    assert record(sdk, "r1") is not None
    assert record(sdk, "r2") is None
    runs.heal()
    runs.requests.clear()
    rest = pull(sdk, "lab/p", *ACCURACY, "--json")
    assert [each["run"] for each in json.loads(rest.stdout)["pulled"]] == ["lab/p/r2"]
    assert operations(runs).count("RunSampledHistory") == 1


def test_what_does_not_fit_is_said_of_a_run(runs: Service, sdk: Sdk) -> None:
    runs.runs["lab", "p", "r0"].summary["val/acc1"] = 90.0
    del runs.runs["lab", "p", "r2"].summary["val/acc1"]
    runs.runs["lab", "p", "r2"].lines[HISTORY] = {}
    done = pull(sdk, "lab/p", *ACCURACY, "--filter", "state~.", "--json")
    assert done.returncode == 3, "some runs have no such metric"
    assert "skipped lab/p/r2: no metric 'val/acc1'" in done.stderr
    records = {each["run"]: each for each in json.loads(done.stdout)["pulled"]}
    assert records["lab/p/r0"]["doubts"] == ["its summary says val/acc1 90, its last row 76"]
    assert records["lab/p/broken"]["doubts"] == ["its state is crashed"]
    assert list(json.loads(done.stdout)["skipped"]) == ["lab/p/r2"]
    for path in (sdk.home / "pulled").rglob("*.json"):
        assert "s3cr3t" not in path.read_text()


@pytest.mark.parametrize(
    ("words", "environment", "problem"),
    [
        (("lab/none",), {}, "W&B has no such project, or not for this key (lab/none) -> check its address"),
        (("lab/p",), {"WANDB_API_KEY": "f" * 40}, "W&B refuses the key (lab/p) -> wandb login --relogin"),
        (("lab/p",), {"WANDB_API_KEY": ""}, "no key for W&B (lab/p) -> wandb login, or set WANDB_API_KEY"),
        (("lab/p",), {}, "it logs none of our measures, but loss, val/acc1 (lab/p/r0) -> name it with --metric"),
        (("lab/p", "--metric", "top1_error_pct=val/acc2"), {}, "no metric 'val/acc2': did you mean val/acc1?"),
        (("lab/p", "--filter", "config.lr=7"), {}, "no run passes (lab/p) -> change --filter"),
    ],
)
def test_mistakes_are_one_clear_line(
    runs: Service, sdk: Sdk, words: Sequence[str], environment: dict[str, str], problem: str
) -> None:
    done = pull(sdk, *words, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"an-cli: {problem}")
    assert len(done.stderr.splitlines()) == 1


def test_a_service_that_never_answers_ends_in_one_line(runs: Service, sdk: Sdk) -> None:
    runs.black_hole()
    program = """
        import sys
        import an_cli.tracking.wandb_reader as reader
        import an_cli.tracking.pull as pulling
        from an_cli.cli.__main__ import main
        reader.REQUEST_S = 1
        pulling.pull.__kwdefaults__["pauses_s"] = (0.1,)
        raise SystemExit(main(["pull", "lab/p"]))
        """
    done = sdk.run(program, environment={"PYTHONPATH": str(Path(__file__).parents[2])}, timeout_s=60)
    assert done.returncode == 1
    assert "an-cli: W&B does not answer (lab/p)" in done.stderr


def test_what_the_sdk_cannot_send_keeps_no_command_alive(runs: Service, sdk: Sdk) -> None:
    """Its process would try again for hours; ours waits for it a few seconds."""
    runs.black_hole(route="file_stream")
    program = """
        import wandb
        from an_cli.tracking.wandb_reader import log_in
        log_in()
        wandb.init(project="p", id="unsent").log({"a": 1})
        print("done")
        """
    done = sdk.run(program, environment={"PYTHONPATH": str(Path(__file__).parents[2])}, timeout_s=60)
    assert "done" in done.stdout


def test_a_run_of_ours_is_known_by_its_cell_and_needs_no_metric(service: Service, sdk: Sdk) -> None:
    """Through the real SDK both ways: numbers such as 1.0 and null must come back as the config has them."""
    cell = Composer().compose([word for word in TINY if not word.startswith("launch.")]).cell
    program = """
        import json, sys, wandb
        run = wandb.init(project="p", id="r1", config=json.loads(sys.argv[1]))
        run.log({"eval/top1_error_pct": 40.0})
        run.log({"eval/top1_error_pct": 41.0, "eval/top5_error_pct": 5.0})
        run.summary.update({"last/top1_error_pct": 41.0, "best/top1_error_pct": 40.0, "params": 1234.0, "macs": 99})
        run.finish()
        """
    sdk(program, json.dumps(plain(cell)))
    done = pull(sdk, "lab/p")
    assert done.returncode == 0, done.stderr
    ours = record(sdk, "r1")
    assert ours is not None
    assert ours.cell == cell_id(cell)
    assert ours.values == {"top1_error_pct": 41.0, "top5_error_pct": 5.0}
    assert ours.best == {"top1_error_pct": 40.0, "top5_error_pct": 5.0}
    assert (ours.params, ours.macs) == (1234, 99)


def test_nothing_of_the_sdk_is_loaded_by_the_verbs_module() -> None:
    program = "import an_cli.cli.app, an_cli.tracking.pull, sys; print('wandb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
