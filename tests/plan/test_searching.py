"""A search as it goes: every trial once, pauses and promotions, what the dead leave, budgets, Optuna's own tools."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from an_cli.errors import StudyError
from an_cli.plan.rebuilding import rebuild
from an_cli.plan.searching import Assignment, Later
from an_cli.plan.trials import Trial, TrialState, read_journal
from an_cli.store import status_of
from tests.plan.surrogate import SPACE, candidates, make, searching, work

HALVING = {"name": "halving", "rungs": [1, 2]}
GRID = {"recipe.lr": {"type": "float", "low": 0.1, "high": 0.4, "step": 0.1}}


def test_a_search_makes_exactly_its_trials_and_every_choice_once(tmp_path: Path) -> None:
    search = searching(tmp_path)
    assert work(search) == 12
    trials = search.asking.trials()
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * 12
    assert len({trial.cells for trial in trials}) == 12
    assert search.take({"pid": 2}, lambda other: False) is None, "it is over for whoever joins now"


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "nsgaii", "cmaes", "gp"])
def test_every_sampler_of_optuna_works_here(tmp_path: Path, sampler: str) -> None:
    search = searching(tmp_path, candidates(sampler=sampler, budget={"trials": 5}))
    assert work(search) == 5


def test_a_grid_is_tried_point_by_point_and_ends_when_nothing_new_is_left(tmp_path: Path) -> None:
    search = searching(tmp_path, candidates(space=GRID, sampler="grid", budget={"trials": 50}))
    assert work(search) == 4
    assert sorted(trial.params["recipe.lr"] for trial in search.asking.trials()) == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_starting_points_come_first_and_finished_cells_cost_nothing(tmp_path: Path) -> None:
    start = [{"recipe.lr": 0.3, "recipe.weight_decay": 1e-4, "norm.attention.components": [5, 5, 10, 10]}]
    search = searching(tmp_path, candidates(start=start))
    first = search.take({"pid": 1}, lambda other: False)
    assert isinstance(first, Assignment)
    assert first.cells[0].config.norm.attention.components == (5, 5, 10, 10)  # type: ignore[union-attr]
    make(search, first)
    assert search.tell(first, {"pid": 1}) is None
    before = search.store.run(first.cells[0].id).result.stat().st_mtime_ns
    other = searching(tmp_path, candidates(start=start, budget={"trials": 1}), name="other")
    again = other.take({"pid": 1}, lambda owner: False)
    assert isinstance(again, Assignment)
    assert again.cells[0].id == first.cells[0].id
    assert work(other, {"pid": 1}) == 0, "it is this worker's own, and not over"
    make(other, again)
    assert other.tell(again, {"pid": 1}) is None
    assert search.store.run(first.cells[0].id).result.stat().st_mtime_ns == before


def test_trials_that_fall_behind_pause_and_may_be_promoted(tmp_path: Path) -> None:
    made = candidates(pruner=HALVING, budget={"trials": 16})
    search = searching(tmp_path, made)
    work(search)
    trials = search.asking.trials()
    states = [trial.state for trial in trials]
    assert states.count(TrialState.PRUNED) + states.count(TrialState.FINISHED) == 16
    assert states.count(TrialState.PRUNED) >= 6
    assert states.count(TrialState.FINISHED) >= 3
    best = min(trials, key=lambda trial: trial.reports[1])
    assert best.state is TrialState.FINISHED, "the best of the first rung is never left behind"
    for trial in trials:
        run = search.store.run(trial.cells[0])
        paused = trial.state is TrialState.PRUNED
        assert status_of(run).value == ("paused" if paused else "finished")
        assert max(trial.reports) == (2 if trial.stage == 2 else 1)


def test_a_paused_trial_is_promoted_once_it_is_among_the_best(tmp_path: Path) -> None:
    """The second trial is worse than the first and pauses; when worse ones have come, half of the rung may go on."""
    rates = (0.3, 0.25, 0.02, 0.015)
    points = [{"recipe.lr": rate, "recipe.weight_decay": 1e-4, "norm.attention.components": [1] * 4} for rate in rates]
    pruner = {"name": "halving", "rungs": [1], "options": {"reduction_factor": 2}}
    search = searching(tmp_path, candidates(start=points, pruner=pruner, budget={"trials": 4}))
    log: list[tuple[int, int | None]] = []
    while isinstance(task := search.take({"pid": 1}, lambda other: False), Assignment):
        while task is not None:
            log.append((task.number, task.until))
            make(search, task)
            task = search.tell(task, {"pid": 1})
    assert log == [(0, 1), (0, None), (1, 1), (2, 1), (3, 1), (1, None)]
    states = [trial.state for trial in search.asking.trials()]
    assert states == [TrialState.FINISHED, TrialState.FINISHED, TrialState.PRUNED, TrialState.PRUNED]


def test_wilcoxon_gives_no_more_seeds_to_a_trial_that_is_worse(tmp_path: Path) -> None:
    seeds = tuple(range(8))
    start = [{"recipe.lr": lr, "recipe.weight_decay": 1e-4, "norm.attention.components": [1] * 4} for lr in (0.3, 0.01)]
    pruner = {"name": "wilcoxon", "options": {"n_startup_steps": 2, "p_threshold": 0.1}}
    search = searching(tmp_path, candidates(seeds, start=start, pruner=pruner, budget={"trials": 2}))
    work(search)
    good, bad = search.asking.trials()
    assert (good.state, bad.state) == (TrialState.FINISHED, TrialState.PRUNED)
    made = [search.store.run(cell).result.exists() for cell in bad.cells]
    assert made == sorted(made, reverse=True)
    assert 0 < sum(made) < 8


def test_what_a_dead_worker_leaves_is_continued_and_counted_once(tmp_path: Path) -> None:
    search, other = searching(tmp_path), searching(tmp_path)
    lost = search.take({"pid": 1}, lambda owner: False)
    assert isinstance(lost, Assignment)
    alive = other.take({"pid": 2}, lambda owner: False)
    assert isinstance(alive, Assignment)
    assert alive.number == 1
    again = other.take({"pid": 2}, lambda owner: owner["pid"] == 1)
    assert isinstance(again, Assignment)
    assert again == lost, "the same cells, in the same trial"
    make(search, lost)
    assert search.tell(lost, {"pid": 1}) is None
    assert search.asking.trials()[0].state is TrialState.RUNNING, "it is the other's now"
    assert other.tell(again, {"pid": 2}) is None
    make(other, alive)
    other.tell(alive, {"pid": 2})
    work(search)
    assert len(search.asking.trials()) == 12


def test_a_worker_that_leaves_lets_its_trial_go_at_once(tmp_path: Path) -> None:
    search = searching(tmp_path)
    taken = search.take({"pid": 1}, lambda owner: False)
    assert isinstance(taken, Assignment)
    search.let_go(taken, {"pid": 1})
    assert search.take({"pid": 2}, lambda owner: False) == taken


def test_nothing_new_is_begun_while_others_run_the_last_trials(tmp_path: Path) -> None:
    search = searching(tmp_path, candidates(budget={"trials": 1}))
    assert isinstance(search.take({"pid": 1}, lambda owner: False), Assignment)
    assert isinstance(search.take({"pid": 2}, lambda owner: False), Later)


def test_a_failed_run_is_a_failed_trial_and_the_search_goes_on(tmp_path: Path) -> None:
    search = searching(tmp_path, candidates(budget={"trials": 3}))
    task = search.take({"pid": 1}, lambda owner: False)
    assert isinstance(task, Assignment)
    run = search.store.prepare(task.cells[0].config, task.cells[0].choices)
    from an_cli.store import take

    claim = take(run)
    assert claim is not None
    run.error.write_text("loss is nan")
    claim.release("failed")
    assert search.tell(task, {"pid": 1}) is None
    work(search)
    states = [trial.state for trial in search.asking.trials()]
    assert states == [TrialState.FAILED, TrialState.FINISHED, TrialState.FINISHED]


def test_device_hours_are_kept_within_one_trial(tmp_path: Path) -> None:
    """A trial takes 4 epochs of 36 s: 0.04 hours."""
    search = searching(tmp_path, candidates(budget={"trials": 100, "device_hours": 0.21}))
    work(search)
    assert len(search.asking.trials()) == 5


def test_the_winner_is_run_on_other_seeds(tmp_path: Path) -> None:
    search = searching(tmp_path, candidates(report_seeds=[100, 101], budget={"trials": 3}))
    assert work(search) == 3 + 2
    best = min(search.asking.trials(), key=lambda trial: trial.values)
    cells = search.candidates.cells(best.number, best.params, (100, 101))
    assert all(search.store.run(cell.id).result.exists() for cell in cells)
    assert search.take({"pid": 1}, lambda owner: False) is None


def test_several_objectives_give_a_front(tmp_path: Path) -> None:
    from an_cli.plan.winners import winners

    search = searching(tmp_path, candidates(objectives=["top1_error_pct", "params"], sampler="nsgaii"))
    work(search)
    front = winners(search.asking.trials(), [True, True])
    assert {trial.number for trial in front} == {trial.number for trial in search.asking.study.best_trials}


def test_optuna_reads_the_journal_as_it_is_and_the_light_reader_sees_the_same(tmp_path: Path) -> None:
    search = searching(tmp_path, candidates(pruner=HALVING))
    work(search)
    path = search.folder / "journal.log"
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="tried", storage=storage)
    assert len(study.trials) == 12
    ours = read_journal(path, "tried", search.candidates.space)
    assert ours.skipped == 0
    drop: Any = {"started": None, "ended": None}
    assert [replace(one, **drop) for one in ours.all] == [replace(one, **drop) for one in search.asking.trials()]
    assert study.best_value == min(trial.values[0] for trial in ours.finished)


def test_another_space_under_the_same_name_is_refused(tmp_path: Path) -> None:
    work(searching(tmp_path))
    other = searching(tmp_path, candidates(space={**SPACE, "recipe.lr": {"type": "float", "low": 0.1, "high": 0.2}}))
    with pytest.raises(StudyError, match="begun with another space"):
        other.take({"pid": 1}, lambda owner: False)


def test_an_option_that_optuna_does_not_take_is_one_line(tmp_path: Path) -> None:
    search = searching(tmp_path, candidates(sampler={"name": "tpe", "options": {"startup": 3}}))
    with pytest.raises(StudyError, match=r"search\.sampler \(tpe\)"):
        search.take({"pid": 1}, lambda owner: False)


def test_any_storage_url_may_be_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    search = searching(tmp_path, candidates(budget={"trials": 3}), url=url)
    work(search)
    assert len(optuna.load_study(study_name="tried", storage=url).trials) == 3
    assert not (search.folder / "journal.log").exists()


def test_the_draws_hang_on_seed_and_count_not_on_who_asks(tmp_path: Path) -> None:
    one, two = searching(tmp_path / "one"), searching(tmp_path / "two")
    work(one)
    for _ in range(12):
        work(searching(tmp_path / "two"), {"pid": time.time_ns()}, steps=1)
    assert [trial.params for trial in one.asking.trials()] == [trial.params for trial in two.asking.trials()]


def _without_times(trials: tuple[Trial, ...]) -> list[Trial]:
    """A start is known to the second from the runs; the end and the owner are not kept there."""
    return [replace(trial, started=None, ended=None, owner={}) for trial in trials]


@pytest.mark.parametrize(
    ("seeds", "search", "steps"),
    [
        ((0,), {}, 10_000),
        ((0, 1), {"objectives": ["top1_error_pct", "params"]}, 10_000),
        ((0,), {"pruner": HALVING, "budget": {"trials": 16}}, 10_000),
        ((0,), {"pruner": HALVING, "budget": {"trials": 16, "device_hours": 0.3}}, 9),
        ((0, 1, 2), {"pruner": {"name": "wilcoxon", "options": {"n_startup_steps": 1, "p_threshold": 0.3}}}, 10_000),
    ],
)
def test_the_runs_alone_give_the_study_again(
    tmp_path: Path, seeds: tuple[int, ...], search: dict[str, Any], steps: int
) -> None:
    first = searching(tmp_path, candidates(seeds, **search))
    work(first, steps=steps)
    before = _without_times(first.asking.trials())
    (first.folder / "journal.log").unlink()
    again = searching(tmp_path, candidates(seeds, **search))
    assert rebuild(again).left_out == ()
    if steps == 10_000:
        assert again.take({"pid": 1}, lambda owner: False) is None, "it is over, as it was"
    assert _without_times(again.asking.trials()) == before


def test_without_links_the_run_folders_alone_give_the_trials(tmp_path: Path) -> None:
    first = searching(tmp_path)
    work(first)
    before = first.asking.trials()
    shutil.rmtree(first.store.studies)
    shutil.rmtree(first.folder)
    again = searching(tmp_path)
    rebuild(again)
    found = again.asking.trials()
    assert sorted((trial.cells, trial.values) for trial in found) == sorted((one.cells, one.values) for one in before)


def test_runs_that_are_no_choice_any_more_are_left_out_and_named(tmp_path: Path) -> None:
    work(searching(tmp_path, candidates(budget={"trials": 3})))
    narrow = {**SPACE, "recipe.lr": {"type": "float", "low": 0.9, "high": 1.0, "log": True}}
    other = searching(tmp_path, candidates(space=narrow))
    (other.folder / "journal.log").unlink()
    found = rebuild(other)
    assert len(found.left_out) == 3 - found.trials
    assert all(label.startswith("tried/trial=") for label in found.left_out)
