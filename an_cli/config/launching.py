"""Where and how runs are started: never hashed into an id, so it cannot change a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from an_cli.config.schema import Device


class Tracking(StrEnum):
    """Which tracker the records of a run are mirrored to."""

    AUTO = "auto"  # W&B where its own settings name an account or a mode, else none
    NONE = "none"
    WANDB = "wandb"
    TENSORBOARD = "tensorboard"


class WandbMode(StrEnum):
    """Whether W&B is written to over the network, or to files for `wandb sync`."""

    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, kw_only=True)
class WandbConfig:
    """Where in W&B runs are shown, and what is sent besides numbers. Nulls leave it to W&B's own settings."""

    project: str
    entity: str | None
    mode: WandbMode | None
    tags: tuple[str, ...]
    notes: str | None
    artifacts: bool


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

    # Defaults for a job.json of before these were.
    tracking: Tracking = Tracking.NONE
    wandb: WandbConfig | None = None
    on_end: str | None = None  # of the command that follows a study: no job has it, nor a job.json of before it was
    # Leave once so many epochs are done, of the schedule that the cell says: a search pauses a run so. No key of conf/.
    stop_after_epochs: int | None = None


_NOT_IN_A_PROJECT = set("/\\#?%:")
_LONGEST_TAG = 64


def tracking_misfits(launch: LaunchConfig) -> Iterator[tuple[str, str, str]]:
    """Names that W&B does not take: where, what, what now."""
    if launch.wandb is None:
        return
    project = launch.wandb.project
    if not project or len(project) > 128 or _NOT_IN_A_PROJECT & set(project):
        what = f"{project!r} is no name of a W&B project"
        yield "launch.wandb.project", what, "write 1 to 128 characters without / \\ # ? % :"
    for tag in launch.wandb.tags:
        if not 1 <= len(tag) <= _LONGEST_TAG:
            yield "launch.wandb.tags", f"the tag {tag!r} has {len(tag)} characters", f"write 1 to {_LONGEST_TAG}"


def slurm_misfits(launch: LaunchConfig) -> Iterator[tuple[str, str, str]]:
    """Settings out of range, or that do not fit each other: where, what, what now."""
    for key in ("time_min", "nodes", "cpus_per_task", "array_parallelism", "pack"):
        if getattr(launch, key) < 1:
            yield f"launch.{key}", f"{getattr(launch, key)} is below 1", "write 1 or more"
    for key in ("gpus_per_node", "warn_s"):
        if getattr(launch, key) < 0:
            yield f"launch.{key}", f"{getattr(launch, key)} is negative", "write 0 or more"
    if launch.pack > 1 and launch.nodes > 1:
        yield "launch.pack", f"{launch.pack} cells in a job of {launch.nodes} nodes", "pack cells on one node only"
    if launch.nodes > 1 and launch.ranks % launch.nodes:
        what = f"{launch.ranks} ranks on {launch.nodes} nodes"
        yield "launch.ranks", what, f"every node trains: write a multiple of {launch.nodes}"
    if launch.nodes > 1 and launch.stage_to is not None:
        what = f"data would be copied to the first of {launch.nodes} nodes only"
        yield "launch.stage_to", what, "leave it null, or use one node"
    if launch.warn_s >= 60 * launch.time_min:
        what = f"{launch.warn_s} s before a limit of {launch.time_min} min"
        yield "launch.warn_s", what, "warn after the job has begun: a smaller warn_s"
    for option in launch.sbatch:
        name = option.strip().lstrip("-").replace("_", "-").partition("=")[0].partition(" ")[0]
        short = option.strip().startswith("-") and not option.strip().startswith("--")
        if name in _OURS or (name[:1] if short else name) in _SHORT:
            yield "launch.sbatch", f"{option!r} is an-cli's own option", f"an-cli sets {', '.join(sorted(_OURS))}"
        elif name in _NO_JOB:
            yield "launch.sbatch", f"{option!r} makes no job that can be followed", "leave it away"


_OURS = {
    "array", "chdir", "comment", "dependency", "error", "export", "input", "job-name", "kill-on-invalid-dep",
    "no-requeue", "open-mode", "output", "parsable", "requeue", "signal", "wrap",
}  # fmt: skip
_SHORT = {"a", "d", "D", "e", "i", "J", "o"}
_NO_JOB = {"test-only", "wait", "W", "clusters", "M", "help", "h", "usage", "version", "V"}
