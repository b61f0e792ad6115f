"""One attempt at one run folder: from its `cell.json` to its `result.json`, or to wherever it is stopped."""

from __future__ import annotations

import logging
import os
import platform
import socket
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import nn

from an_cli.config import CellConfig, LaunchConfig, cell_id, read
from an_cli.config.plugins import stamps_of
from an_cli.data import DataPair, Purpose, loader_processes, make_data, make_eval_batches, torch_seed
from an_cli.errors import DataError, StoreError
from an_cli.files import read_json
from an_cli.models import count, make_model
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
from an_cli.train.device import device_name, pick_device, set_up, weight_dtype
from an_cli.train.evaluation import Evaluated, evaluate
from an_cli.train.loop import Loop
from an_cli.train.mixture import attentive_layers, encode, watching
from an_cli.train.optimizer import make_optimizer
from an_cli.train.signals import SAVE_S, StopFlag
from an_cli.train.state import TrainState
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
        AnError: what the user can repair; Interrupted: told to stop; Fenced: a newer attempt owns the run.
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
    data = make_data(config.data, data_root=_data_root(launch))
    _same_data(run, data)
    if world.leads:
        writer.doing(Activity.BUILDING)
    state = _state(config, device)
    saved = checkpoint.load_newest(run) if world.leads else None
    saved = world.said_by_leader(saved)
    if saved is not None:
        state.from_disk(saved, where=str(run.checkpoints))
    if world.leads:
        _begin(writer, config, data, device, threads, state)
    Loop(config, launch, data, state, writer, device, stop, world).run()
    stop.alive(SAVE_S)
    return _finish(writer, config, launch, data, device, state) if world.leads else None


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


def make_cell_model(config: CellConfig) -> nn.Module:
    """The network of a cell with the initial weights of its seed, on the CPU, the same on every machine."""
    torch.manual_seed(torch_seed(config.seed, epoch=0, step=0, replica=0, purpose=Purpose.INIT))
    data = config.data
    return make_model(config.model, config.norm, config.recipe, classes=data.classes, channels=data.channels)


def _state(config: CellConfig, device: torch.device) -> TrainState:
    model = make_cell_model(config).to(device, weight_dtype(config.recipe.precision))
    model = model.to(memory_format=torch.channels_last)
    return TrainState(
        model=model,
        optimizer=make_optimizer(model, config.recipe),
        step=0,
        loss_sum=0.0,
        best=None,
        last=None,
        elapsed_s=0.0,
    )


def _begin(
    writer: RunWriter, config: CellConfig, data: DataPair, device: torch.device, threads: int, state: TrainState
) -> None:
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
            device=device_name(device),
            cpu_threads=threads,
            code_tree=code_tree(),
            commit=commit(),
            train_fingerprint=data.train.fingerprint,
            eval_fingerprint=data.eval.fingerprint,
            resumed_step=state.step,
            plugins=stamps_of(config),
        )
    )
    log.info("attempt %d on %s from step %d", writer.claim.number, device_name(device), state.step)


def _finish(
    writer: RunWriter,
    config: CellConfig,
    launch: LaunchConfig,
    data: DataPair,
    device: torch.device,
    state: TrainState,
) -> Result:
    last, best = state.last, state.best
    if last is None or best is None:
        raise StoreError(
            "training ended without an evaluation", where=writer.run.id, now="remove the run and try again"
        )
    writer.doing(Activity.SAVING, state.step, state.elapsed_s)
    _write_mixture(writer, config, launch, data, device, state)
    shape = (config.data.channels, config.data.image_size, config.data.image_size)
    costs = count(state.model, shape)
    trees = [one.code_tree for one in contributing(read_run(writer.run).attempts) if one.code_tree != code_tree()]
    result = Result(
        last=last.evaluation,
        best=best.evaluation,
        steps=state.step,
        params=costs.params,
        macs=costs.macs,
        attempt=writer.claim.number,
        train_s=round(state.elapsed_s, 3),
        code_tree=code_tree(),
        data_fingerprint=data.fingerprint,
        device=device_name(device),
        plugins=stamps_of(config),
        earlier_code=tuple(dict.fromkeys(trees)),
    )
    checkpoint.prune(writer, step=state.step, generations=1)
    writer.finish(result, _correct(data, last, best))
    return result


def _write_mixture(
    writer: RunWriter,
    config: CellConfig,
    launch: LaunchConfig,
    data: DataPair,
    device: torch.device,
    state: TrainState,
) -> None:
    if not attentive_layers(state.model):
        return
    batches = make_eval_batches(
        data.eval, recipe=config.recipe, data=config.data, loader_workers=loader_processes(launch)
    )
    with watching(state.model) as summaries:
        evaluate(state.model, batches, config, epoch=config.recipe.epochs - 1, device=device)
    writer.file(writer.run.mixture, encode(state.model, summaries))


def _correct(data: DataPair, last: Evaluated, best: Evaluated) -> PerSample:
    planes = {"last.top1": last.top1, "last.top5": last.top5, "best.top1": best.top1, "best.top5": best.top5}
    return PerSample(last.evaluation.samples, data.eval.fingerprint, planes)
