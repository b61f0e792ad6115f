"""What every task owes to the loop: a class of tests that each task inherits, with one fixture of its own."""

from __future__ import annotations

import math

import pytest
import torch

from an_cli.data import DataPair
from an_cli.store import Kind, measures_of
from an_cli.train import StepKey, Task, initial_model
from an_cli.train.world import ALONE

CPU = torch.device("cpu")
KEY = StepKey(epoch=0, step=0, replica=0)


class TaskContract:
    """Inherit it, and give the fixture `task`: of a tiny cell on data that need no file."""

    @pytest.fixture
    def task(self) -> Task:
        raise NotImplementedError

    @pytest.fixture
    def data(self, task: Task) -> DataPair:
        return task.data(None)

    def test_it_is_a_task(self, task: Task) -> None:
        assert isinstance(task, Task)

    def test_equal_seeds_build_equal_networks(self, task: Task) -> None:
        one, other = initial_model(task), initial_model(task)
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))

    def test_an_epoch_has_the_steps_that_it_says(self, task: Task, data: DataPair) -> None:
        batches = task.train_batches(data, epoch=0, replica=0, start_step=0, loader_workers=0, pin_memory=False)
        assert sum(1 for _ in batches) == task.steps_per_epoch(data)

    def test_the_loss_is_a_number_with_a_gradient_and_keyed_by_its_step(self, task: Task, data: DataPair) -> None:
        losses = []
        for start in (0, 1, 0):
            batch = next(
                iter(task.train_batches(data, epoch=0, replica=0, start_step=start, loader_workers=0, pin_memory=False))
            )
            torch.rand(5)  # a draw of nobody's
            loss = task.loss(initial_model(task), batch, KEY, CPU)
            assert loss.shape == ()
            assert loss.requires_grad
            losses.append(loss.item())
        assert losses[0] == losses[2] != losses[1]

    def test_an_evaluation_holds_what_the_config_declares(self, task: Task, data: DataPair) -> None:
        measures = measures_of(task.config)
        batches = task.eval_batches(data.eval, loader_workers=0, shard=(0, 1), pin_memory=False)
        scores = task.score(initial_model(task), batches, device=CPU, world=ALONE)
        done = scores.evaluated(epoch=4)
        assert done.evaluation.epoch == 4
        assert done.evaluation.samples == len(data.eval)
        assert set(done.evaluation.values) == set(measures.keys)
        assert all(map(math.isfinite, done.evaluation.values.values()))
        assert tuple(f"last.{name}" for name in done.planes) == measures.planes[: len(done.planes)]
        length = 4 * len(data.eval) if task.kind is Kind.FLOAT32 else -(-len(data.eval) // 8)
        assert all(len(plane) == length for plane in done.planes.values())
        assert scores.arrays()

    def test_scoring_leaves_the_network_as_it_was(self, task: Task, data: DataPair) -> None:
        model = initial_model(task)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        for training in (True, False):
            model.train(training)
            batches = task.eval_batches(data.eval, loader_workers=0, shard=(0, 1), pin_memory=False)
            task.score(model, batches, device=CPU, world=ALONE)
            assert model.training is training
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    def test_shards_one_after_the_other_are_the_whole_set(self, task: Task, data: DataPair) -> None:
        model = initial_model(task)

        def arrays(shard: tuple[int, int]) -> dict[str, list[object]]:
            batches = task.eval_batches(data.eval, loader_workers=0, shard=shard, pin_memory=False)
            scores = task.score(model, batches, device=CPU, world=ALONE)
            return {name: array.tolist() for name, array in scores.arrays().items() if len(array) and "top" not in name}

        whole, parts = arrays((0, 1)), [arrays((index, 2)) for index in range(2)]
        assert whole == {name: parts[0][name] + parts[1][name] for name in whole}

    def test_it_counts_its_network(self, task: Task) -> None:
        with torch.device("meta"):
            counts = task.count(task.build())
        assert counts.params == sum(parameter.numel() for parameter in initial_model(task).parameters())
        assert counts.macs > 0
