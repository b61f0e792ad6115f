"""How this machine is divided among cells: all of it used, no part of it twice."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from an_cli.config import CellConfig, LaunchConfig
from an_cli.config.schema import Device
from an_cli.errors import LaunchError

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# glibc hands memory back to the system after every training step and takes it again in the next: 2,300 to 3,200 page
# faults a step of resnet_small, 9 to 18 % of its processor time on one core. With both there are five. (The first
# alone makes it worse: it switches off the growth of the other's limit. 32 MiB is the most that glibc takes.)
_KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_MMAP_THRESHOLD_": str(1 << 25)}
_ABSENT = ("", "-1", "none", "NoDevFiles")
_DEVICES = Path("/dev")


@dataclass(frozen=True, kw_only=True)
class Share:
    """Cells at once, CPU threads for each, and the GPUs of each place, as CUDA_VISIBLE_DEVICES names them."""

    at_once: int
    threads: int
    gpus: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that keep numerical libraries within the share."""
        return {**dict.fromkeys(_THREAD_VARIABLES, str(self.threads)), **_KEEP_MEMORY}


def share_machine(
    configs: Sequence[CellConfig], launch: LaunchConfig, *, cores: int | None = None, gpus: Sequence[str] | None = None
) -> Share:
    """Divide cores and GPUs among cells.

    Args:
        configs: of the cells to be started.
        launch: `processes` fixes the number at once; with more processes than GPUs they take turns at them. `gpus` is
            how many GPUs a cell has; null: one for each of its ranks.
        cores: that this process may use; None asks the system.
        gpus: that cells may use; None asks the system.

    Raises:
        LaunchError: a cell wants more GPUs than there are.
    """
    places = _places(launch, visible_gpus() if gpus is None else gpus)
    cores = max(1, (cores or len(os.sched_getaffinity(0))) // launch.ranks)
    asked = max((config.recipe.cpu_threads or 0 for config in configs), default=0)
    if launch.processes is not None:
        at_once = launch.processes
    elif places:
        at_once = min(len(places), max(1, len(configs)))
    else:
        threads = asked or (1 if len(configs) > 1 else cores)
        return Share(at_once=max(1, cores // threads), threads=threads)
    return Share(at_once=at_once, threads=asked or max(1, cores // at_once), gpus=places)


def _places(launch: LaunchConfig, gpus: Sequence[str]) -> tuple[str, ...]:
    if launch.device is Device.CPU or launch.gpus == 0 or not gpus:
        return ()
    each = launch.ranks if launch.gpus is None else launch.gpus
    if each > len(gpus):
        key = "launch.ranks" if launch.gpus is None else "launch.gpus"
        raise LaunchError(
            f"a cell wants {each} GPUs, and {len(gpus)} can be seen",
            where=key,
            now="ask for fewer, or launch.device=cpu",
        )
    return tuple(",".join(gpus[start : start + each]) for start in range(0, len(gpus) - each + 1, each))


def own_gpus(gpus: Sequence[str]) -> dict[str, str]:
    """The variable by which a process sees its own GPUs and no others; nothing without any."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}


def visible_gpus(environment: Mapping[str, str] | None = None, devices: Path = _DEVICES) -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them, without asking the driver.

    Args:
        environment: None is this process's.
        devices: where the driver puts a file for each GPU.
    """
    named = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(word.strip() for word in named.split(",")) if named.strip() not in _ABSENT else ()
    files = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.glob("nvidia*"))
    return tuple(sorted((match[1] for match in files if match), key=int))
