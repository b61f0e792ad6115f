"""Whatever happens to a mirror, its tracker or the network: a run ends as one without a tracker, and as soon.

    python -m tests.checks.tracking_faults [FAULT...] [--no-sockets]

One cell is trained without a tracker, and once for every fault. Compared are exit status, records, per-sample bits,
mixture and weights. The end may come 5 s later at most, and a minute later no process may be left. Then `strace` looks
for sockets of the training process. Needs root for the faults `no space` (a tmpfs of 64 KB) and `hanging DNS` (a
network namespace with a name server that never answers). Prints a JSON line each; exit status 1 when a run was hurt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from an_cli.mirror import descendants
from an_cli.store import RunFolder, Store
from an_cli.store.sent import read_sent
from tests.checks.kill_fifty import numbers
from tests.checks.tracking_demo import MAIN, environment
from tests.tiny import TINY
from tests.tracking.wandb_service import Service, wandb_service

CELL = (*TINY, "recipe.epochs=6", "data.train_samples=160")
LATER_S, LEFT_S = 5.0, 60.0
_MARKER = "AN_CLI_CHECK"
DNS = """
ip link set lo up
mount --bind {folder}/resolv.conf /etc/resolv.conf
exec "$@"
"""
HOLE = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53)); time.sleep(600)"
Strike = Callable[[subprocess.Popen[str], Path], None]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, beside one run.

    Attributes:
        words: launch settings.
        own: of the environment.
        service: what the double of the service does; None: there is none.
        strike: what is done to the command once it runs.
        prepared: what is done to the folder before.
        wrapped: the words that the command is started by.
    """

    words: tuple[str, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    service: Callable[[Service], object] | None = None
    strike: Strike | None = None
    prepared: Callable[[Path], object] | None = None
    wrapped: tuple[str, ...] = ()


def mirrors(process: subprocess.Popen[str]) -> list[int]:
    """The mirror's processes, once the mirror has a child that sends."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for pid in descendants(process.pid):
            with suppress(OSError):
                if b"an_cli.tracking" in Path(f"/proc/{pid}/cmdline").read_bytes() and (own := descendants(pid)):
                    return [pid, *own]
        time.sleep(0.02)
    raise AssertionError("no mirror started")


def signalled(number: int, *, all_of_it: bool) -> Strike:
    def strike(process: subprocess.Popen[str], folder: Path) -> None:
        for pid in mirrors(process)[: None if all_of_it else 1]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    return strike


def no_space(folder: Path) -> None:
    for name in ("wandb", ".an-cli/wandb", ".an-cli/wandb-sdk", "tensorboard"):
        (folder / name).mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder / name)], check=True)
        with suppress(OSError):
            (folder / name / "ballast").write_bytes(b"x" * 60_000)


def dead_name_server(folder: Path) -> None:
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    (folder / "dns.sh").write_text(
        f"{DNS.format(folder=folder)}".replace(
            'exec "$@"', f'{sys.executable} -c "{HOLE}" & "$@"; s=$?; kill $!; exit $s'
        )
    )


OFFLINE = {"WANDB_MODE": "offline"}
FAULTS: dict[str, Fault] = {
    "none of them, online": Fault(service=lambda service: None),
    "none of them, offline": Fault(own=OFFLINE),
    "SIGSTOP": Fault(service=lambda service: None, strike=signalled(signal.SIGSTOP, all_of_it=True)),
    "SIGSTOP of the first": Fault(service=lambda service: None, strike=signalled(signal.SIGSTOP, all_of_it=False)),
    "SIGKILL": Fault(service=lambda service: None, strike=signalled(signal.SIGKILL, all_of_it=True)),
    "SIGKILL of the first": Fault(service=lambda service: None, strike=signalled(signal.SIGKILL, all_of_it=False)),
    "SIGKILL offline": Fault(own=OFFLINE, strike=signalled(signal.SIGKILL, all_of_it=False)),
    "black hole": Fault(service=lambda service: service.black_hole()),
    "black hole after the start": Fault(service=lambda service: service.black_hole(after=3)),
    "429": Fault(service=lambda service: service.fail(429, retry_after_s=30)),
    "429 of what is logged": Fault(service=lambda service: service.fail(429, retry_after_s=30, route="file_stream")),
    "500": Fault(service=lambda service: service.fail(500)),
    "500 of what is logged": Fault(service=lambda service: service.fail(500, route="file_stream")),
    "wrong key": Fault(service=lambda service: None, own={"WANDB_API_KEY": "f" * 40}),
    "nobody listens": Fault(own={"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "f" * 40}),
    "no space": Fault(service=lambda service: None, prepared=no_space),
    "no space offline": Fault(own=OFFLINE, prepared=no_space),
    "no space for TensorBoard": Fault(words=("launch.tracking=tensorboard",), prepared=no_space),
    "hanging DNS": Fault(
        own={"WANDB_BASE_URL": "https://wandb.lab.example", "WANDB_API_KEY": "f" * 40},
        prepared=dead_name_server,
        wrapped=("unshare", "-n", "-m", "sh", "dns.sh"),
    ),
}


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit status, all its numbers and bits, seconds from the worker's end to the command's."""

    status: int
    bits: str
    late_s: float
    left: int
    gone_after_s: float
    note: str


@contextmanager
def place(root: Path, fault: Fault) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        if fault.prepared:
            fault.prepared(folder)
        yield folder
    finally:
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if line.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "-l", line.split()[1]], check=True)


def marked(marker: str) -> list[int]:
    """Processes that carry a word in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if marker.encode() in (path / "environ").read_bytes() and int(path.name) != os.getpid():
                found.append(int(path.name))
    return found


def _works(pid: int) -> bool:
    """Whether a training process is among those that descend from one."""
    for child in descendants(pid):
        with suppress(OSError):
            if b"an_cli.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return True
    return False


def bits_of(run: RunFolder) -> str:
    """All that a run has come to, but wall-clock: metrics, bits, mixture, result, weights."""
    import torch

    from an_cli.train.checkpoint import load_newest

    result = {key: value for key, value in json.loads(run.result.read_text()).items() if key != "train_s"}
    digest = hashlib.sha256(json.dumps([numbers(run), result], sort_keys=True).encode())
    for path in (run.per_sample, run.mixture):
        digest.update(path.read_bytes())
    state = load_newest(run)
    assert state is not None
    for name, value in sorted(state["model"].items()):
        digest.update(name.encode() + value.to(torch.float64).numpy().tobytes())
    return digest.hexdigest()


def trained(root: Path, fault: Fault) -> Ended:
    """Train the cell beside a fault."""
    marker = f"{_MARKER}={uuid.uuid4()}"
    with place(root, fault) as folder, wandb_service() if fault.service else nullcontext() as service:
        own = environment(folder, **(service.environment if service else {}))
        own |= {_MARKER: marker.partition("=")[2], **fault.own}
        if service and fault.service:
            fault.service(service)
        command = [*fault.wrapped, sys.executable, "-c", MAIN, "run", *CELL, *fault.words]
        with (folder / "out.txt").open("w") as out:
            process = subprocess.Popen(command, cwd=folder, env=own, stdout=out, stderr=out, text=True)
            if fault.strike:
                fault.strike(process, folder)
            worked_until = time.monotonic()
            while process.poll() is None:
                worked_until = time.monotonic() if _works(process.pid) else worked_until
                time.sleep(0.05)
        status, over = process.returncode, time.monotonic()
        left = len(marked(marker))
        while marked(marker) and time.monotonic() < over + LEFT_S:
            time.sleep(0.1)
        gone = time.monotonic() - over
        (run_id,) = Store(folder).run_ids()
        run = Store(folder).run(run_id)
        assert run.result.exists(), (folder / "out.txt").read_text()
        sent = next(iter(read_sent(run).values()), None)
        note = "" if sent is None else "sent" if sent.whole else sent.error or "not whole"
        return Ended(status, bits_of(run), over - worked_until, left, gone, note[:90])


def hurt(ended: Ended, alone: Ended) -> list[str]:
    """What a fault did to a run, beside one without a tracker."""
    return [
        name
        for name, is_hurt in {
            "exit status": ended.status != alone.status,
            "bits": ended.bits != alone.bits,
            "late": ended.late_s - alone.late_s > LATER_S,
            "processes left": ended.gone_after_s >= LEFT_S,
        }.items()
        if is_hurt
    ]


@dataclass(frozen=True)
class Sockets:
    """Sockets that a run's processes opened, by program: of the network, and of training of any kind."""

    network: Mapping[str, int]
    training: tuple[str, ...]


def sockets(root: Path, *launch: str) -> Sockets:
    """What sockets the processes of a run open."""
    with place(root, Fault()) as folder, wandb_service() as service:
        calls = "trace=network,execve,clone,clone3,fork,vfork"
        command = ["strace", "-ff", "-qq", "-s", "200", "-e", calls, "-o", str(folder / "trace")]
        own = environment(folder, **service.environment)
        words = [*command, sys.executable, "-c", MAIN, "run", *CELL, *launch]
        done = subprocess.run(words, cwd=folder, env=own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return sockets_by_process(folder)


def sockets_by_process(folder: Path) -> Sockets:
    """Sockets by the program that opened them: training (and its threads), the mirror, the command."""
    texts = {int(path.suffix[1:]): path.read_text(errors="replace") for path in folder.glob("trace.*")}
    parents = {
        int(child): pid
        for pid, text in texts.items()
        for child in re.findall(r"^(?:clone3?|v?fork)\(.*= (\d+)$", text, re.MULTILINE)
    }
    counts, training = {"training": 0, "mirror": 0, "command": 0}, []
    for pid, text in sorted(texts.items()):
        program = _program(pid, texts, parents)
        counts[program] += len(re.findall(r"^socket\(AF_INET", text, re.MULTILINE))
        if program == "training":
            training += re.findall(r"^(?:socket|connect)\(.*", text, re.MULTILINE)
    return Sockets(counts, tuple(training))


def _program(pid: int | None, texts: Mapping[int, str], parents: Mapping[int, int]) -> str:
    while pid is not None:
        text = texts.get(pid, "")
        if '"an_cli.worker"' in text and "execve(" in text:
            return "training"
        if '"an_cli.tracking"' in text and "execve(" in text:
            return "mirror"
        pid = parents.get(pid)
    return "command"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("faults", nargs="*", choices=[*FAULTS, []])
    parser.add_argument("--no-sockets", action="store_true")
    asked = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        alone = trained(Path(name), Fault(words=("launch.tracking=none",)))
        print(json.dumps({"fault": "no tracker", "exit": alone.status, "end_s": round(alone.late_s, 2)}), flush=True)
        for fault in asked.faults or FAULTS:
            ended = trained(Path(name), FAULTS[fault])
            wrong = hurt(ended, alone)
            bad += bool(wrong)
            figures = {
                "fault": fault,
                "exit": ended.status,
                "later_s": round(ended.late_s - alone.late_s, 2),
                "left_at_the_end": ended.left,
                "gone_after_s": round(ended.gone_after_s, 1),
                "ledger": ended.note,
                "hurt": wrong,
            }
            print(json.dumps(figures), flush=True)
        if not asked.no_sockets:
            without, found = sockets(Path(name), "launch.tracking=none"), sockets(Path(name))
            bad += found.network["training"] != 0 or found.training != without.training or not found.network["mirror"]
            print(json.dumps({**asdict(found), "training without a tracker": without.training}))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
