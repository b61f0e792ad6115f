"""`an-cli sweep` and what reads a search: one real search, and many made by a formula."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from an_cli.cli.searching import JOURNAL, ask_search
from an_cli.files import dump_yaml
from an_cli.plan.searching import Searching
from an_cli.report.page import Reader, snapshot
from an_cli.store import Status, Store, read_result, status_of
from tests.cli.conftest import BASE as TINY_BASE
from tests.cli.conftest import Call
from tests.plan.surrogate import BASE, SPACE, work

HALVING = {"name": "halving", "rungs": [1]}


def write(
    folder: Path, name: str = "tried", base: list[str] = BASE, seeds: tuple[int, ...] = (0,), **search: Any
) -> None:
    """A search as a study file."""
    found = {"space": SPACE, "objectives": ["top1_error_pct"], "budget": {"trials": 8}, **search}
    content = {"title": "Tried", "base": base, "seeds": [*seeds], "search": found}
    (folder / "sweeps" / f"{name}.yaml").write_text(dump_yaml(content))


def search_by_formula(folder: Path, name: str = "tried", steps: int = 10_000) -> Searching:
    """Make a search's trials without training."""
    asked = ask_search(name, [], Store(folder), None)
    asked.make_folder()
    search = Searching(asked.candidates, asked.store, asked.folder)
    work(search, {"pid": 1, "host": "node1", "job": ""}, steps=steps)
    return search


def journal(folder: Path, name: str = "tried") -> Path:
    return folder / ".an-cli" / "searches" / name / JOURNAL


def test_status_tells_how_far_a_search_is(call: Call, folder: Path) -> None:
    write(folder, pruner=HALVING)
    assert "0 of 8 trials" in call("status", "tried").out
    search_by_formula(folder, steps=7)
    ended = call("status", "tried", "--json")
    found = ended.json
    assert found["trials"] == sum(found["states"].values())
    assert found["budget"] == 8
    assert found["best"][0]["values"] == [min(one.values[0] for one in _finished(folder))]
    text = call("status", "tried").out
    assert "best" in text
    assert "lr=" in text
    assert call("studies", "--json").json  # a search among them hides no other


def _finished(folder: Path) -> list[Any]:
    return list(ask_search("tried", [], Store(folder), None).trials().finished)


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "html", "csv", "json"])
def test_the_report_has_the_number_of_other_seeds_in_every_format(call: Call, folder: Path, format: str) -> None:
    write(folder, report_seeds=[100, 101, 103])
    search_by_formula(folder)
    ended = call("report", "tried", "--format", format)
    assert ended.status == 0
    best = min(_finished(folder), key=lambda trial: trial.values)
    asked = ask_search("tried", [], Store(folder), None)
    cells = asked.candidates.cells(best.number, best.params, (100, 101, 103))
    mean = sum(read_result(asked.store.run(cell.id)).last["top1_error_pct"] for cell in cells) / 3
    if format == "json":
        row = ended.json["rows"][0]
        assert row["reported"][0]["mean"] == pytest.approx(mean)
        assert row["selected"][0]["mean"] == best.values[0]
        assert sum(ended.json["importances"]["top1_error_pct"].values()) == pytest.approx(1.0)
    elif format == "csv":
        (first, *_) = csv.DictReader(io.StringIO(ended.out))
        assert float(first["reported"]) == pytest.approx(mean)
    else:
        assert f"Its number is that on seeds 100, 101, 103, which had no part in it: top-1 error {mean:.2f}" in (
            ended.out.replace("\n", " ")
        )
        assert "fANOVA" in ended.out
    written = {path.suffix for path in (folder / "reports" / "build").iterdir()}
    assert written == {".md", ".tex", ".html", ".csv", ".json"}


def test_a_front_is_reported_as_one(call: Call, folder: Path) -> None:
    write(folder, objectives=["top1_error_pct", "params"], sampler="nsgaii")
    search = search_by_formula(folder)
    rows = call("report", "tried", "--json").json["rows"]
    assert {row["number"] for row in rows} == {trial.number for trial in search.asking.study.best_trials}
    assert call("sweep", "tried", "--export", "best", "mine").status == (0 if len(rows) == 1 else 1)


def test_before_anything_finished_the_report_says_so(call: Call, folder: Path) -> None:
    write(folder)
    ended = call("report", "tried")
    assert ended.status == 1
    assert "no trial has finished" in ended.err


def test_the_best_becomes_a_study_that_ablate_runs(call: Call, folder: Path) -> None:
    write(folder, report_seeds=[100, 101])
    search_by_formula(folder)
    ended = call("sweep", "tried", "--export", "best", "around")
    assert ended.status == 0
    assert Path(ended.out.strip()) == folder / "sweeps" / "around.yaml"
    best = min(_finished(folder), key=lambda trial: trial.values)
    found = call("plan", "around", "--no-costs", "--json").json
    assert found["rows"][0]["label"] == "best"
    assert len(found["rows"]) == 1 + 2 * 3
    asked = ask_search("tried", [], Store(folder), None)
    ids = {cell.id for cell in asked.candidates.cells(best.number, best.params, (100, 101))}
    assert set(found["rows"][0]["cells"]) == ids, "the winner's runs on the report's seeds are the baseline's"
    assert call("sweep", "tried", "--export", "best", "around").status == 0, "given again it is the same file"
    assert "exists and differs" in call("sweep", "tried", "--export", "best", "tiny").err


def test_a_deleted_journal_is_made_again(call: Call, folder: Path) -> None:
    write(folder, pruner=HALVING)
    search_by_formula(folder)
    before = call("report", "tried", "--json").out
    journal(folder).unlink()
    ended = call("sweep", "tried", "--rebuild")
    assert ended.status == 0
    assert "8 trials made again" in ended.err
    assert call("report", "tried", "--json").out == before


def test_a_dry_run_checks_and_starts_nothing(call: Call, folder: Path) -> None:
    write(folder)
    ended = call("sweep", "tried", "--dry-run")
    assert ended.status == 0
    assert "0.01 to 1.0" in ended.out
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"space": {"recipe.learn": SPACE["recipe.lr"]}}, "unknown key 'recipe.learn'"),
        ({"space": {"recipe.lr": {"type": "float", "low": 1.0, "high": 0.1}}}, "is empty"),
        ({"space": {"norm.attention.components": {"type": "int", "low": 1, "high": 4, "length": 3}}}, "components"),
        ({"objectives": ["accuracy"]}, "no run of it records 'accuracy'"),
        ({"start": [{"recipe.lr": 7.0}]}, "outside the space"),
    ],
)
def test_a_bad_space_is_one_line_and_starts_nothing(call: Call, folder: Path, search: Any, message: str) -> None:
    write(folder, **search)
    ended = call("sweep", "tried")
    assert ended.status == 1
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (folder / "runs").exists()
    assert not (folder / ".an-cli").exists()


def test_two_spaces_under_one_name_are_one_line(call: Call, folder: Path) -> None:
    write(folder)
    search_by_formula(folder, steps=2)
    write(folder, space={"recipe.lr": SPACE["recipe.lr"]})
    ended = call("status", "tried")
    assert ended.status == 1
    assert "--rebuild" in ended.err


def test_verbs_for_rows_say_that_a_search_has_none(call: Call, folder: Path) -> None:
    write(folder)
    for words in (["ablate", "tried"], ["plan", "tried"], ["report", "tried", "--power"]):
        ended = call(*words)
        assert ended.status in (1, 2)
        assert "search" in ended.err
    assert "is no search" in call("sweep", "tiny").err


@pytest.mark.parametrize("kind", ["history", "importances", "slices", "parallel", "front"])
def test_every_figure_of_a_search_is_drawn_and_equal_records_give_equal_bytes(
    call: Call, folder: Path, kind: str
) -> None:
    choices = {"norm.attention.gate": {"type": "categorical", "choices": ["hsigmoid", "softmax"]}}
    objectives = ["top1_error_pct", "params"] if kind == "front" else ["top1_error_pct"]
    write(folder, space={**choices, **SPACE}, objectives=objectives, sampler="random")
    assert "no trial has finished" in call("figure", kind, "tried").err
    search_by_formula(folder)
    ended = call("figure", kind, "tried", "--format", "png")
    assert ended.status == 0, ended.err
    raw = Path(ended.out.strip()).read_bytes()
    assert raw.startswith(b"\x89PNG")
    assert Path(call("figure", kind, "tried", "--format", "png").out.strip()).read_bytes() == raw


def test_the_dashboard_shows_a_search_with_its_figures(call: Call, folder: Path) -> None:
    write(folder, objectives=["top1_error_pct", "params"], sampler="random")
    search_by_formula(folder)
    (study,) = snapshot(Reader(Store(folder), lambda ids: {}))["studies"]
    assert study["title"] == "Tried"
    assert study["note"].startswith("8 of 8 trials: 8 finished")
    titles = ["history", "importances", "slices", "parallel coordinates", "front"]
    assert [one["title"] for one in study["figures"]] == titles
    assert all(one["source"].startswith("data:image/svg+xml;base64,") for one in study["figures"])
    assert call("dashboard", "--out", "page.html").status == 0


def test_one_objective_has_no_front(call: Call, folder: Path) -> None:
    write(folder)
    search_by_formula(folder, steps=5)
    assert "no front" in call("figure", "front", "tried").err


REAL_BASE = [*TINY_BASE, "data.train_samples=200", "data.eval_samples=200"]
REAL = {
    "space": {"recipe.lr": {"type": "float", "low": 0.02, "high": 0.4, "log": True}},
    "start": [{"recipe.lr": 0.2}, {"recipe.lr": 0.021}, {"recipe.lr": 0.3}],
    "pruner": {"name": "halving", "rungs": [1], "options": {"reduction_factor": 3}},
    "budget": {"trials": 3},
}
CLI = [sys.executable, "-P", "-m", "an_cli"]
LAUNCH = ("launch.device=cpu", "launch.loader_workers=0")


def _finish(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "sweep", "real", *LAUNCH, "--workers", "1", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def _wait(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_search_survives_the_kill_of_its_workers_and_a_promoted_run_has_the_bits_of_any_other(folder: Path) -> None:
    write(folder, "real", REAL_BASE, **REAL)
    store = Store(folder)
    command = [*CLI, "sweep", "real", *LAUNCH, "--workers", "1"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, start_new_session=True)
    _wait(lambda: any(store.run(run_id).metrics.exists() for run_id in store.run_ids()))
    owners = [trial.owner for trial in ask_search("real", [], store, None).trials().all if trial.owner]
    process.kill()
    process.communicate()
    for owner in owners:
        os.kill(owner["pid"], signal.SIGKILL)
    done = _finish(folder)
    assert done.returncode == 0, done.stderr
    trials = ask_search("real", [], store, None).trials().all
    assert len(trials) == 3
    states = {trial.params["recipe.lr"]: status_of(store.run(trial.cells[0])) for trial in trials}
    assert Status.PAUSED in states.values()
    assert Status.FINISHED in states.values()
    again = subprocess.run(
        [*CLI, "run", *REAL_BASE, "recipe.lr=0.2", *LAUNCH, "--store", "other"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    (whole,) = (folder / "other" / "runs").iterdir()
    ours, theirs = store.run(whole.name), Store(folder / "other").run(whole.name)
    assert ours.per_sample.read_bytes() == theirs.per_sample.read_bytes()
    assert read_result(ours).last == read_result(theirs).last
    assert len((ours.attempts).read_text().splitlines()) >= 2, "it was paused, and went on"
    counts = json.loads(_finish(folder, "--json").stdout)["counts"]
    finished = list(states.values()).count(Status.FINISHED)
    assert counts == {"finished": finished, "pruned": 3 - finished}
