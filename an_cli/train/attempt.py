"""One attempt at one run folder: from its `cell.json` to its `result.json`, or to wherever it is stopped."""

from __future__ import annotations

import logging
import os
import platform
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from an_cli.config import LaunchConfig, cell_id, read
from an_cli.config.plugins import stamps_of
from an_cli.data import DataPair, loader_processes
from an_cli.errors import DataError, StoreError
from an_cli.files import read_json
from an_cli.norm import path_of
from an_cli.norm.fused import COMPOSED
from an_cli.store import (
    Activity,
    Attempt,
    PerSample,
    Result,
    RunFolder,
    RunWriter,
    code_tree,
    commit,
    contributing,
    read_config,
    read_run,
)
from an_cli.train import checkpoint
from an_cli.train.device import device_name, map_dtype, pick_device, set_up, weight_dtype
from an_cli.train.loop import Loop
from an_cli.train.make_task import initial_model, make_task
from an_cli.train.mixture import attentive_layers, encode, watching
from an_cli.train.optimizer import make_optimizer
from an_cli.train.signals import SAVE_S, StopFlag
from an_cli.train.state import TrainState
from an_cli.train.task import Task
from an_cli.train.world import ALONE, World

log = logging.getLogger("an_cli.train")


def attempt(writer: RunWriter, stop: StopFlag, world: World = ALONE) -> Result | None:
    """Run a cell to its end, from its newest checkpoint where there is one.

    Args:
        writer: the pen of this attempt, which holds the claim; only the leading rank uses it.
        stop: set by signals; training saves and leaves at the next safe point.
        world: the ranks that train this run together.

    Returns:
        The result, which is on disk by then; None on a rank that does not lead.

    Raises:
        AnError: what the user can repair; Interrupted: told to stop; Paused: as its launch says; Fenced: a newer
            attempt owns the run.
    """
    run = writer.run
    config, launch = read_config(run), read_launch(run)
    if cell_id(config) != run.id:  # its numbers would stand in tables under another cell's name
        raise StoreError(
            "cell.json was edited: it holds another cell than the one its id names",
            where=run.id,
            now="for another cell give its overrides to an-cli; the study's own command writes this one anew",
        )
    device = pick_device(launch.device, config.recipe.precision, local_rank=world.local_rank)
    threads = set_up(config.recipe)
    world.mine(range(config.recipe.replicas))
    if world.leads:
        writer.doing(Activity.READING_DATA)
    task = make_task(config)
    data = task.data(_data_root(launch))
    _same_data(run, data)
    if world.leads:
        writer.doing(Activity.BUILDING)
    this = _Attempt(writer, task, launch, data, device, _initial_state(task, device))
    state = this.state
    saved = checkpoint.load_newest(run) if world.leads else None
    saved = world.broadcast(saved)
    if saved is not None:
        state.from_disk(saved, where=str(run.checkpoints))
    if world.leads:
        this.begin(threads)
    Loop(task, launch, data, state, writer, device, stop, world).run()
    stop.alive(SAVE_S)
    return this.finish() if world.leads else None


def read_launch(run: RunFolder) -> LaunchConfig:
    """How the run was started, from its `job.json`.

    Raises:
        StoreError: there is none, or it does not read.
    """
    if not run.job.exists():
        raise StoreError("the run has no job.json", where=run.id, now="start it with an-cli ablate or an-cli run")
    return read(LaunchConfig, read_json(run.job).get("launch"), where=f"{run.id}/job.json", error=StoreError)


def _data_root(launch: LaunchConfig) -> Path:
    if staged := os.environ.get("AN_CLI_STAGED"):  # the job has copied the data to its node
        return Path(staged)
    return Path(launch.data_root or os.environ.get("AN_CLI_DATA") or "data").expanduser()


def _same_data(run: RunFolder, data: DataPair) -> None:
    for earlier in read_run(run).attempts:
        if (earlier.train_fingerprint, earlier.eval_fingerprint) != (data.train.fingerprint, data.eval.fingerprint):
            raise DataError(
                f"the data set is not the one that attempt {earlier.attempt} trained on",
                where=run.id,
                now="restore the data, or remove the run folder to train on what is there now",
            )


def _initial_state(task: Task, device: torch.device) -> TrainState:
    model = initial_model(task).to(device, weight_dtype(task.config.recipe.precision))
    model = model.to(memory_format=torch.channels_last)
    return TrainState(
        model=model,
        optimizer=make_optimizer(model, task.config.recipe),
        step=0,
        loss_sum=0.0,
        best=None,
        last=None,
        elapsed_s=0.0,
    )


@dataclass(frozen=True)
class _Attempt:
    """What an attempt is made with, from its first line in `env.jsonl` to `result.json`."""

    writer: RunWriter
    task: Task
    launch: LaunchConfig
    data: DataPair
    device: torch.device
    state: TrainState

    def begin(self, threads: int) -> None:
        """Take the records back to where the state stands, and record the start."""
        writer, state = self.writer, self.state
        writer.rewind_metrics(state.step)
        best_epoch = state.best.evaluation.epoch if state.best else -1
        checkpoint.rewind(writer, step=state.step, best_epoch=best_epoch)
        writer.attempt(
            Attempt(
                attempt=writer.claim.number,
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
                host=socket.gethostname(),
                pid=os.getpid(),
                python=platform.python_version(),
                torch=torch.__version__,
                device=device_name(self.device),
                cpu_threads=threads,
                code_tree=code_tree(),
                commit=commit(),
                train_fingerprint=self.data.train.fingerprint,
                eval_fingerprint=self.data.eval.fingerprint,
                resumed_step=state.step,
                plugins=stamps_of(self.task.config),
                norm_path=self._norm_path(),
            )
        )
        log.info("attempt %d on %s from step %d", writer.claim.number, device_name(self.device), state.step)

    def _norm_path(self) -> str:
        """How the attentive layers are computed, if there are any; says so where an earlier attempt had another way."""
        if not attentive_layers(self.state.model):
            return ""
        path = path_of(self.device, map_dtype(self.task.config.recipe.precision))
        before = contributing(read_run(self.writer.run).attempts) if self.state.step else ()
        if other := {one.norm_path or COMPOSED for one in before} - {path}:
            log.warning("attentive layers run %s from here on, and ran %s before", path, ", ".join(sorted(other)))
        return path

    def finish(self) -> Result:
        """Write what the training came to; the result is the last file that appears."""
        writer, state = self.writer, self.state
        last, best = state.last, state.best
        if last is None or best is None:
            raise StoreError(
                "training ended without an evaluation", where=writer.run.id, now="remove the run and try again"
            )
        writer.doing(Activity.SAVING, state.step, state.elapsed_s)
        self._write_mixture()
        costs = self.task.count(state.model)
        trees = [
            attempt.code_tree
            for attempt in contributing(read_run(writer.run).attempts)
            if attempt.code_tree != code_tree()
        ]
        result = Result(
            last=last.evaluation,
            best=best.evaluation,
            steps=state.step,
            params=costs.params,
            macs=costs.macs,
            attempt=writer.claim.number,
            train_s=round(state.elapsed_s, 3),
            code_tree=code_tree(),
            data_fingerprint=self.data.fingerprint,
            device=device_name(self.device),
            plugins=stamps_of(self.task.config),
            earlier_code=tuple(dict.fromkeys(trees)),
        )
        checkpoint.prune(writer, step=state.step, generations=1)
        epochs = {"last": last.planes, "best": best.planes}
        planes = {f"{epoch}.{name}": plane for epoch, own in epochs.items() for name, plane in own.items()}
        writer.finish(result, PerSample(last.evaluation.samples, self.data.eval.fingerprint, planes, self.task.kind))
        return result

    def _write_mixture(self) -> None:
        """What the attention has learned, of one more pass over the evaluation set."""
        model = self.state.model
        if not attentive_layers(model):
            return
        batches = self.task.eval_batches(
            self.data.eval, loader_workers=loader_processes(self.launch), shard=(0, 1), pin_memory=False
        )
        with watching(model) as summaries:
            self.task.score(model, batches, device=self.device, world=ALONE)
        self.writer.file(self.writer.run.mixture, encode(model, summaries))
