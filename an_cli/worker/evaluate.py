"""`evaluate`: the weights of a run, or of a file, on an evaluation set, in as many ranks as asked.

The ranks take whole batches of the set in order, so scores are the same bits whatever their number; on a CPU also only
with the same number of threads, which the request therefore fixes.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from torch import nn

from an_cli.config import CellConfig, LaunchConfig, plain, read
from an_cli.data import DataSet, loader_processes
from an_cli.errors import StoreError
from an_cli.files import write_atomic
from an_cli.models import read_state
from an_cli.store import Evaluation, RunFolder, RunWriter, read_imported, take
from an_cli.store.endings import Exit
from an_cli.train import Scores, Seat, Task, initial_model, join, leave, lost_a_rank, make_task
from an_cli.train.device import device_name, pick_device, set_up, weight_dtype
from an_cli.worker.answering import Request, answer_to
from an_cli.worker.import_weights import write_imported
from an_cli.worker.ranks import supervise
from an_cli.worker.weights import from_run


def answer_evaluations(requests: TextIO, answers: TextIO) -> int:
    """Answer a line per request; each is evaluated in processes forked from here. Returns the first bad exit status.

    A request: `{"config", "launch", "threads", "run" and "epoch", or "file" and "ema", "out",
    "record"}`.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    first = 0
    for line in requests:
        if line.strip():
            request = json.loads(line)
            ranks = read(LaunchConfig, request["launch"], where="launch").ranks
            first = supervise(ranks, lambda seat, request=request: _rank(seat, request, answers)) or first  # type: ignore[misc]
    return first


def _rank(seat: Seat, request: Request, answers: TextIO) -> int:
    """One rank's part. The leader answers; an error is told by whoever meets it, for it may be one rank's image."""
    try:
        return answer_to(request, answers, lambda request: _evaluate(request, seat))
    except Exception as error:
        if lost_a_rank(error, seat.size):
            return Exit.LOST
        raise


def _evaluate(request: Request, seat: Seat) -> Mapping[str, object] | None:
    config, launch = read(CellConfig, request["config"]), read(LaunchConfig, request["launch"], where="launch")
    world, began = join(seat), time.monotonic()
    device = pick_device(launch.device, config.recipe.precision, local_rank=world.local_rank)
    # A GPU would choose its algorithms anew in each process. On a CPU nothing is to be asked for, at 10 s of imports.
    asked = replace(config.recipe, cpu_threads=request["threads"], deterministic=device.type == "cuda")
    threads = set_up(asked)
    task = make_task(config)
    dataset = task.eval_data(Path(launch.data_root or "data"))
    model, weights = _model(request, task)
    model = model.to(device, weight_dtype(config.recipe.precision)).to(memory_format=torch.channels_last)
    batches = task.eval_batches(
        dataset,
        loader_workers=loader_processes(launch),
        shard=(world.rank, world.size),
        pin_memory=device.type == "cuda",
    )
    scores = task.score(model, batches, device=device, world=world)
    evaluation = scores.evaluated(epoch=0).evaluation
    leave(world)
    if not world.leads:
        return None
    if request["out"]:
        write_atomic(Path(request["out"]), _encode(scores, dataset))
    if request["record"]:
        _record(RunFolder(Path(request["run"])), evaluation, dataset, device_name(device))
    return {
        **{key: value for key, value in plain(evaluation).items() if key != "epoch"},
        "weights": weights,
        "fingerprint": dataset.fingerprint,
        "device": device_name(device),
        "threads": threads,
        "ranks": world.size,
        "seconds": round(time.monotonic() - began, 3),
    }


def _model(request: Request, task: Task) -> tuple[nn.Module, str]:
    """The network with the weights that are asked for, and a word on where they are from."""
    model = initial_model(task)
    if request["run"]:
        state, weights = from_run(RunFolder(Path(request["run"])), request["epoch"])
    else:
        read_in = read_state(Path(request["file"]), model, ema=request["ema"])
        state = read_in.state
        weights = f"{read_in.names} names{f'; {read_in.taken}' if read_in.taken else ''}"
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise StoreError(
            f"the weights do not fit this code: {str(error).splitlines()[0]}",
            where=str(request["run"] or request["file"]),
            now="go back to the code that made them",
        ) from error
    return model, weights


def _encode(scores: Scores, dataset: DataSet) -> bytes:
    """The scores of every sample, in data-set order, as an `.npz`: equal scores give equal bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        **scores.arrays(),
        label=dataset.labels.astype(np.int32),
        fingerprint=np.array(dataset.fingerprint),
    )
    return buffer.getvalue()


def _record(run: RunFolder, evaluation: Evaluation, dataset: DataSet, device: str) -> None:
    """Write an imported run's numbers beside where its weights come from."""
    claim = take(run)
    if claim is None:
        raise StoreError("another process holds the run", where=run.id, now="give the same command again")
    try:
        record = replace(read_imported(run), evaluation=evaluation, eval_fingerprint=dataset.fingerprint, device=device)
        write_imported(RunWriter(claim), record)
    finally:
        claim.release()
