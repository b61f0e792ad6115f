"""A run on several nodes: srun starts a process on each, which forks that node's ranks.

The job's process on the first node becomes srun for such a run, so that one step holds all ranks: srun hands signals on
to every node, collects what all of them print, and ends the step when a node's process fails. Where the ranks meet is
the job's own: a port made from its id and how often it was started, so that neither another job nor what an earlier
start has left behind is met.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from an_cli.config import LaunchConfig
from an_cli.errors import LaunchError
from an_cli.store import RunFolder
from an_cli.store.endings import Exit
from an_cli.train import read_launch
from an_cli.train.signals import STOPS
from an_cli.worker.ranks import Meeting, supervise
from an_cli.worker.run import Account, run_rank

FIRST_PORT, PORTS = 20_000, 12_000  # below those that the kernel hands out by itself
MEETING = "AN_CLI_MEETING"  # where the leader listens, as HOST:PORT
PREFIX = "AN_CLI_PREFIX"  # launch.command_prefix: the job's own process calls srun, and stays outside the container
_STOPPED = {128 + number for number in STOPS}
log = logging.getLogger("an_cli.worker")


def become_srun(run: RunFolder, launch: LaunchConfig, *, job: str, restart: int) -> NoReturn:
    """Turn this process into srun, with a process of ours on every node of the job.

    Raises:
        LaunchError: there is no srun on this node.
    """
    os.environ[MEETING] = f"{socket.gethostname()}:{free_port(f'{job}.{restart}')}"
    worker = [*shlex.split(os.environ.get(PREFIX, "")), sys.executable, "-u", "-P", "-m", "an_cli.worker", "node"]
    command = [
        "srun",
        f"--nodes={launch.nodes}",
        f"--ntasks={launch.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={launch.cpus_per_task}",
        "--kill-on-bad-exit=1",
        *worker,
        str(run.path),
    ]
    log.info("%s", shlex.join(command))
    try:
        os.execvp("srun", command)
    except OSError as error:
        raise LaunchError(
            f"cannot start srun: {error.strerror}",
            where="launch.nodes",
            now="put SLURM's commands on the path of the job (launch.setup), or use one node",
        ) from error


def free_port(name: str, taken: Callable[[int], bool] | None = None) -> int:
    """A free port of this machine; the same name gives the same one as long as it is free.

    Args:
        name: of whoever meets there.
        taken: whether a port is in use; None tries it.

    Raises:
        LaunchError: a hundred ports in a row are taken.
    """
    taken = taken or _taken
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    for step in range(100):
        port = FIRST_PORT + (start + step) % PORTS
        if not taken(port):
            return port
    raise LaunchError("no port is free for the ranks to meet", where=socket.gethostname(), now="start the run again")


def _taken(port: int) -> bool:
    try:
        with socket.create_server(("", port)):
            return False
    except OSError:
        return True


def run_node(folder: Path, account: Account) -> int:
    """The ranks of one run on this node; returns the exit status.

    A node that does not lead ends with 0 when it was told to stop or another attempt holds the run: the leader says so,
    and srun must not end it for that while it saves.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    run = RunFolder(folder.resolve())
    launch, node = read_launch(run), int(os.environ.get("SLURM_PROCID", "0"))
    here = launch.ranks // launch.nodes
    address, _, port = os.environ[MEETING].rpartition(":")
    meeting = Meeting(address, int(port), first=node * here, size=launch.ranks)
    status = supervise(here, lambda seat: run_rank(run, account, seat), meeting)
    return 0 if node and (status == Exit.BUSY or status in _STOPPED) else status
