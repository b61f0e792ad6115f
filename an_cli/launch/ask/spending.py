"""What a study will cost before it is spent: device hours from what this store measured, and bytes of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from an_cli.config import CellConfig, plain, read
from an_cli.errors import AnError, StoreError
from an_cli.files import read_json, write_json
from an_cli.launch.ask.costs import Costs
from an_cli.plan import Cell
from an_cli.store import Result, Store, read_config, read_result

_LOOKED_AT = 200  # finished runs, which is enough for a median
# Bytes a parameter needs on disk while a run goes: two states of weights and momentum, two of the best weights.
_BYTES_PER_PARAM = 4 * (2 * 2 + 2)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What was measured: multiply-accumulates of training samples a second, on one device.

    `smoke`: the runs were those of `an-cli smoke`, whose batches are too small to be fast.
    """

    device: str
    runs: int
    macs_per_s: float
    smoke: bool = False


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Of the cells that are not finished.

    Attributes:
        hours: cell id -> device hours; empty where nothing was measured yet.
        rate: what they rest on.
        checkpoint_bytes: while all of them go.
    """

    hours: Mapping[str, float]
    rate: Rate | None
    checkpoint_bytes: int


def estimate(cells: Sequence[Cell], costs: Mapping[str, Costs], store: Store) -> Spending:
    """Estimate what cells will cost.

    Args:
        cells: that are not finished.
        costs: cell id -> parameters and multiply-accumulates.
        store: whose finished runs are the measure, else what `smoke` left. The device that made most is taken.
    """
    rate = measure(store) or _remembered(store)
    counted = [cell for cell in cells if cell.id in costs]
    hours = {}
    if rate is not None:
        work = {cell.id: _work(cell.config, costs[cell.id].macs) for cell in counted}
        hours = {run_id: of / rate.macs_per_s / 3600 for run_id, of in work.items() if of is not None}
    return Spending(
        hours=hours, rate=rate, checkpoint_bytes=sum(_BYTES_PER_PARAM * costs[cell.id].params for cell in counted)
    )


def measure(store: Store) -> Rate | None:
    """What this store's finished runs took; None where there are none."""
    rates: dict[str, list[float]] = {}
    for device, rate in _rates(store):
        rates.setdefault(device, []).append(rate)
    if not rates:
        return None
    device = max(rates, key=lambda name: len(rates[name]))
    return Rate(device=device, runs=len(rates[device]), macs_per_s=median(rates[device]))


def remember_smoke(tiny: Store, store: Store) -> None:
    """Keep what the tiny runs of `smoke` took, as the measure of a store in which no run has finished yet.

    Raises:
        StoreError: the store cannot be written.
    """
    if (rate := measure(tiny)) is not None:
        write_json(_smoke_file(store), plain(replace(rate, smoke=True)))


def _remembered(store: Store) -> Rate | None:
    try:
        return read(Rate, read_json(_smoke_file(store)), error=StoreError)
    except StoreError:
        return None


def _smoke_file(store: Store) -> Path:
    return store.jobs.parent / "smoke.json"


def _rates(store: Store) -> Iterable[tuple[str, float]]:
    looked_at = 0
    for run in map(store.run, store.run_ids()):
        if looked_at >= _LOOKED_AT:
            return
        if not run.result.exists():
            continue
        looked_at += 1
        try:
            result, config = read_result(run), read_config(run)
        except AnError:
            continue
        if result.train_s > 0:
            work = _work(config, result.macs)
            yield result.device, (_work_of_steps(config, result) if work is None else work) / result.train_s


def _work(config: CellConfig, macs: int) -> float | None:
    """Multiply-accumulates of all training samples of all epochs, forward; None where nobody has counted them."""
    samples = config.data.train_samples
    return None if samples is None else float(macs * samples * config.recipe.epochs)


def _work_of_steps(config: CellConfig, result: Result) -> float:
    """The same of a finished run by its steps, whose last batch of an epoch may be smaller: a little too much."""
    return float(result.macs * result.steps * config.recipe.batch_per_replica * config.recipe.replicas)
