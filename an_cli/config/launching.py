"""Where and how runs are started: never hashed into an id, so it cannot change a number."""

from __future__ import annotations

from dataclasses import dataclass

from an_cli.config.schema import Device


@dataclass(frozen=True, kw_only=True)
class LaunchConfig:
    """Where and how runs are started. Never part of an id.

    The second half is what a SLURM cluster is asked for, in the words of sbatch; null leaves it to the cluster.
    """

    processes: int | None
    device: Device
    gpus: int | None
    data_root: str | None
    ranks: int
    loader_workers: int | None
    checkpoint_interval_s: float

    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    exclude: str | None
    wckey: str | None
    time_min: int
    nodes: int
    gpus_per_node: int
    cpus_per_task: int
    mem: str | None
    array_parallelism: int
    pack: int
    warn_s: int
    setup: tuple[str, ...]
    command_prefix: str | None
    stage_to: str | None
    sbatch: tuple[str, ...]

    on_end: str | None = None  # of the command that follows a study: no job has it, nor a job.json of before it was
