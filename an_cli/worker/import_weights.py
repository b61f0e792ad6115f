"""`import`: published weights become ours, as a file or as a run that says that it was imported."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from an_cli.config import CellConfig, cell_id, plain, read
from an_cli.errors import StoreError
from an_cli.files import write_atomic
from an_cli.models import Counts, read_state
from an_cli.store import (
    Imported,
    RunFolder,
    RunWriter,
    Status,
    Store,
    code_tree,
    commit,
    read_imported,
    status_of,
    take,
)
from an_cli.train import checkpoint, make_task
from an_cli.worker.answering import Request
from an_cli.worker.weights import digest


def import_weights(request: Request) -> Mapping[str, object]:
    """Answer `{"file", "config", "choices", "ema", "out", "store"}`; `out`, `store` are null where nothing is written.

    Raises:
        DataError: the file does not hold exactly the network's tensors.
        StoreError: the run has been trained, or is being trained.
    """
    path, config = Path(request["file"]), read(CellConfig, request["config"])
    task = make_task(config)
    with torch.device("meta"):
        model = task.build()
    counts = task.count(model)
    weights = read_state(path, model, ema=request["ema"])
    state = weights.state
    if request["out"]:
        write_atomic(Path(request["out"]), _encode(state))
    run = None
    if request["store"]:
        run = _as_run(path, state, counts, config, request)
    floats = {str(tensor.dtype).removeprefix("torch.") for tensor in state.values() if tensor.is_floating_point()}
    return {
        "names": weights.names,
        "taken": weights.taken,
        "tensors": len(state),
        "params": counts.params,
        "macs": counts.macs,
        "precision": ", ".join(sorted(floats)),
        "sha256": digest(path),
        "run": run.id if run else None,
    }


def _encode(state: Mapping[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def _as_run(path: Path, state: Mapping[str, Tensor], counts: Counts, config: CellConfig, request: Request) -> RunFolder:
    store, sha256 = Store(Path(request["store"])), digest(path)
    run = store.run(cell_id(config))
    if (status := status_of(run)) is Status.IMPORTED and read_imported(run).sha256 == sha256 and _holds(run, state):
        return run
    torn = status is Status.INTERRUPTED and not run.attempts.exists()  # an import that was broken off
    free = status.is_untouched or status is Status.UNREADABLE or torn
    if not free or run.result.exists():  # one that does not read may still be mended
        raise StoreError(
            f"the run is {status}", where=run.id, now="imported weights never replace a run: name another --store"
        )
    store.prepare(config, request["choices"])
    claim = take(run)
    if claim is None:
        raise StoreError("another process holds the run", where=run.id, now="give the same command again")
    writer = RunWriter(claim)
    try:
        checkpoint.save(writer, "imported", 0, {"model": dict(state)})
        write_imported(writer, _record(path, sha256, len(state), counts))
    finally:
        claim.release()
    return run


def _holds(run: RunFolder, state: Mapping[str, Tensor]) -> bool:
    """Whether these are the run's weights: a file may hold a moving average beside others."""
    weights = checkpoint.load_weights(run, "imported")
    return weights is not None and all(
        name in weights[0] and torch.equal(weights[0][name], tensor) for name, tensor in state.items()
    )


def _record(path: Path, sha256: str, tensors: int, counts: Counts) -> Imported:
    return Imported(
        file=path.name,
        sha256=sha256,
        tensors=tensors,
        params=counts.params,
        macs=counts.macs,
        imported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        host=socket.gethostname(),
        code_tree=code_tree(),
        commit=commit(),
        evaluation=None,
        eval_fingerprint=None,
        device=None,
    )


def write_imported(writer: RunWriter, imported: Imported) -> None:
    """Write `imported.json`."""
    writer.file(writer.run.imported, json.dumps(plain(imported), indent=1, sort_keys=True).encode() + b"\n")
