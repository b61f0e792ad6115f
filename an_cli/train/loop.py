"""The training loop, as Section 4.2 reads: epochs of steps, an evaluation after each, the last and the best."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

import torch

from an_cli.config import LaunchConfig
from an_cli.data import DataPair, loader_processes
from an_cli.errors import ConfigError, TrainingDiverged
from an_cli.store import Activity, RunWriter, measures_of
from an_cli.train import checkpoint
from an_cli.train.schedule import learning_rate
from an_cli.train.signals import SAVE_S, Interrupted, Paused, StopFlag
from an_cli.train.state import TrainState
from an_cli.train.step import Batches, Step
from an_cli.train.task import Evaluated, Task
from an_cli.train.world import ALONE, World

STEP_LINES = 500  # evenly spaced step lines of metrics, besides one line per epoch
_EVALUATIONS = 1.5  # times the last evaluation and its save, that the next one may take
GPU_CHECK_EVERY = 20  # steps between two looks at the losses and at the stop flag where a look waits for a GPU
log = logging.getLogger("an_cli.train")


@dataclass
class Loop:
    """Trains one cell from where its state stands to the end."""

    task: Task
    launch: LaunchConfig
    data: DataPair
    state: TrainState
    writer: RunWriter
    device: torch.device
    stop: StopFlag
    world: World = ALONE

    def __post_init__(self) -> None:
        self.config = self.task.config
        recipe = self.config.recipe
        self.measures = measures_of(self.config)
        self.epoch_steps = self.task.steps_per_epoch(self.data)
        self.steps = self.epoch_steps * recipe.epochs
        self._line_every = max(1, math.ceil(self.steps / STEP_LINES))
        self._replicas = self.world.mine(range(recipe.replicas))
        self._look_every = GPU_CHECK_EVERY if self.device.type == "cuda" else 1
        network = self.world.wrap(self.state.model, self.device)
        self._train_step = Step(network, self.state.optimizer, self.task, self.device)
        self._unchecked: list[torch.Tensor] = []
        self._last_finite: float | None = None
        self._clock = time.monotonic()
        self._saved_at = time.monotonic()
        self._from = self.state.step, self.state.elapsed_s

    def run(self) -> None:
        """Train to the end of the last epoch.

        Raises:
            Interrupted: told to stop; the state is saved.
            Paused: it has done as many epochs as its launch asks for; the state is saved.
            TrainingDiverged: a loss that is not finite, with epoch, step, learning rate and the last finite value.
            Fenced: a newer attempt owns the run.
        """
        self.state.model.train()
        while self.state.step < self.steps:
            epoch = self.state.step // self.epoch_steps
            if self.launch.stop_after_epochs is not None and epoch >= self.launch.stop_after_epochs:
                raise Paused(epoch)
            self._say(Activity.TRAINING)
            self._epoch(epoch)
            begun = time.monotonic()
            self._say(Activity.EVALUATING)
            self._evaluate(epoch)
            # An evaluation is not stopped halfway: where the next one would not fit, stop before it.
            self.stop.keep_free(_EVALUATIONS * (time.monotonic() - begun))

    def _say(self, activity: Activity) -> None:
        if self.world.leads:
            self.writer.doing(activity, *self._from)

    def _epoch(self, epoch: int) -> None:
        start = self.state.step - epoch * self.epoch_steps
        if start == 0:
            self.state.loss_sum = 0.0
        batches = self._batches(epoch, start)
        for step in range(start, self.epoch_steps):
            lr = self._lr(self.state.step)
            loss = self._train_step(batches, epoch=epoch, step=step, lr=lr, first=self._replicas[0])
            self.state.step += 1
            self.stop.alive()
            self._unchecked.append(loss)
            self._look(epoch, lr)
            if step + 1 < self.epoch_steps and self.state.step % self._look_every == 0:
                self._save_if_due()

    def _batches(self, epoch: int, start: int) -> list[Batches]:
        # Replicas that take turns share the loader's processes: eight replicas must not start eight times as many.
        workers = -(-loader_processes(self.launch) // len(self._replicas))
        return [
            self.task.train_batches(
                self.data,
                epoch=epoch,
                replica=replica,
                start_step=start,
                loader_workers=workers,
                pin_memory=self.device.type == "cuda",
            )
            for replica in self._replicas
        ]

    def _lr(self, step: int) -> float:
        recipe = self.config.recipe
        return learning_rate(
            recipe.lr,
            step=step,
            steps_per_epoch=self.epoch_steps,
            epochs=recipe.epochs,
            warmup_epochs=recipe.warmup_epochs,
        )

    def _look(self, epoch: int, lr: float) -> None:
        """Check the losses and write a step line, both only now and then where looking costs a wait."""
        due = self.state.step % self._line_every == 0
        if due or len(self._unchecked) >= self._look_every:
            self._check_finite()
        if due and self.world.leads:
            self.writer.metrics(self._line(epoch, kind="step", loss=self._last_finite, lr=lr))

    def _check_finite(self) -> None:
        if not self._unchecked:
            return
        losses = self.world.mean(torch.stack(self._unchecked)).tolist()
        first = self.state.step - len(losses)
        self._unchecked.clear()
        for offset, loss in enumerate(losses):
            self.state.loss_sum += loss
            if not math.isfinite(loss):
                step = first + offset
                raise TrainingDiverged(
                    f"loss is {loss} at epoch {step // self.epoch_steps + 1}, step {step + 1}, "
                    f"lr {self._lr(step):.6g}; last finite loss {self._last_finite}",
                    where=self.writer.run.id,
                    now="lower recipe.lr, warm up longer, or recipe.precision=fp32; the run's checkpoints stand",
                )
            self._last_finite = loss

    def _line(self, epoch: int, **values: object) -> dict[str, object]:
        recipe = self.config.recipe
        return {
            "epoch": epoch,
            "epochs": recipe.epochs,
            "step": self.state.step,
            "steps": self.steps,
            "elapsed_s": round(self._elapsed_s(), 3),
            **values,
        }

    def _elapsed_s(self) -> float:
        return self.state.elapsed_s + time.monotonic() - self._clock

    def _save_if_due(self) -> None:
        due = time.monotonic() - self._saved_at >= self.launch.checkpoint_interval_s
        stopped = self._stopped()
        if stopped or self.world.broadcast(due):
            self._check_finite()
            self._say(Activity.SAVING)
            self._save()
            self._say(Activity.TRAINING)
        if stopped:
            raise Interrupted(stopped)

    def _stopped(self) -> int:
        """The signal that told any of the ranks to stop; 0 when none did. All ranks leave at the same step."""
        return self.world.largest(self.stop.received or 0)

    def _save(self) -> None:
        self.stop.alive(SAVE_S)
        now = time.monotonic()
        self.state.elapsed_s, self._clock = self._elapsed_s(), now
        if self.world.leads:
            checkpoint.save(self.writer, "step", self.state.step, self.state.to_disk())
            checkpoint.prune(self.writer, step=self.state.step)
        self._saved_at = time.monotonic()
        self.stop.alive()

    def _evaluate(self, epoch: int) -> None:
        self._check_finite()
        batches = self.task.eval_batches(
            self.data.eval,
            loader_workers=loader_processes(self.launch),
            shard=(self.world.rank, self.world.size),
            pin_memory=self.device.type == "cuda",
        )
        self.world.share_buffers(self.state.model)
        watched = self.stop.watched(batches)
        scores = self.task.score(self.state.model, watched, device=self.device, world=self.world)
        done = self._measured(scores.evaluated(epoch=epoch))
        self.stop.alive(SAVE_S)
        self.state.last = done
        if self.state.best is None or self._improves(done, self.state.best):
            self.state.best = done
            if self.world.leads:
                checkpoint.save(self.writer, "best", epoch, {"epoch": epoch, "model": self.state.model.state_dict()})
        if self.world.leads:
            self._record(epoch, done)
        self._save()
        stopped = self._stopped()
        if stopped and self.state.step < self.steps:
            raise Interrupted(stopped)

    def _record(self, epoch: int, done: Evaluated) -> None:
        evaluation, train_loss = done.evaluation, self.state.loss_sum / self.epoch_steps
        line = {
            "kind": "epoch",
            "loss": train_loss,
            "lr": self._lr(self.state.step - 1),
            "eval_loss": evaluation.loss,
            **evaluation.values,
        }
        self.writer.metrics(self._line(epoch, **line))
        log.info("epoch %d: loss %.4f, %s", epoch + 1, train_loss, self.measures.primary.text(evaluation.values))

    def _improves(self, new: Evaluated, old: Evaluated) -> bool:
        primary = self.measures.primary
        return primary.better.beats(new.evaluation[primary.key], old.evaluation[primary.key])

    def _measured(self, done: Evaluated) -> Evaluated:
        """The evaluation, where it holds what the task's config declares; only a task of the user's may not."""
        given, declared = tuple(done.evaluation.values), self.measures.keys
        if set(given) != set(declared):
            raise ConfigError(
                f"the task gave {', '.join(given) or 'nothing'}, and its config declares {', '.join(declared)}",
                where="task.measures",
                now="make both the same",
            )
        return done
