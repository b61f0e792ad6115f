"""What leaves the machine: nothing without a tracker or offline, and never a secret.

    python -m tests.checks.tracking_quiet

In a network namespace without a route, a cell is trained under `strace` with `launch.tracking=none`, with W&B offline
and with TensorBoard: no name may be looked up, and no socket may reach beyond loopback. Then runs are mirrored to each
tracker with canary secrets in the environment, the settings, the command line, the git remote, a label, the log and the
text of an error: no byte of one may be in what was sent, or in any file that was written for a tracker. Prints a JSON
line for each; exit status 1 when one is found. Needs root for the namespace.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from an_cli.files import read_json, write_json
from an_cli.redact import MASK
from an_cli.store import Store, this_process
from an_cli.store.study_rows import StudyRow, write_study_rows
from tests.checks.tracking_demo import MAIN, environment
from tests.checks.tracking_sync import STUDY, make_runs
from tests.tiny import TINY
from tests.tracking.wandb_service import Service, wandb_service

# By value, since the environment names them; by the name beside them; in an address.
BY_VALUE = {"HF_TOKEN": "canary-one-5f1c9", "DB_PASSWORD": "canary-two-8a7d2", "WANDB_API_KEY": "canary3" * 5 + "canar"}
BY_NAME, IN_ADDRESS = "canary-four-77b1e", "canary-five-1c2d3"
CANARIES = (*BY_VALUE.values(), BY_NAME, IN_ADDRESS)
WRITTEN = ("wandb", ".an-cli/wandb", ".an-cli/wandb-sdk", ".an-cli/mirror.log", "tensorboard", "home")


def plant(root: Path) -> None:
    """Two runs of a study, one of them failed, with canaries wherever a secret may come from."""
    store = Store(root)
    finished, failed = make_runs(root, 2)
    by_value = BY_VALUE["HF_TOKEN"]
    write_study_rows(
        store, STUDY, {finished.id: StudyRow(group=by_value, varies=(f"data.url=https://me:{IN_ADDRESS}@host/x",))}
    )
    store.link(STUDY, f"label {by_value}", failed)
    failed.result.unlink()
    failed.error.write_text(
        f"cannot read https://me:{IN_ADDRESS}@host/data: api_key={BY_NAME} {by_value}\n{CANARIES}\n"
    )
    (failed.claims / "1").write_text(json.dumps(asdict(replace(this_process(), left="failed"))))
    for run in (finished, failed):
        run.log.write_text(f"{CANARIES}\n")
        cell = read_json(run.cell)
        cell["config"]["data"]["source"] = {"url": f"https://me:{IN_ADDRESS}@host", "note": [BY_VALUE["DB_PASSWORD"]]}
        write_json(run.cell, cell)
    remote = f"https://me:{IN_ADDRESS}@git.example/x.git"
    for words in (["init", "-q"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *words], cwd=root, check=True)


@dataclass(frozen=True)
class Looked:
    """What was looked through for one tracker: bytes, secrets that were masked in them, and where canaries are."""

    read: int
    masked: int
    canaries: list[str]


def leaks(root: Path, tracker: str) -> Looked:
    """Mirror runs that are full of secrets, and look for those; for W&B, for the name of this machine as well."""
    plant(root)
    (root / "home").mkdir()
    with wandb_service(BY_VALUE["WANDB_API_KEY"]) if tracker == "online" else nullcontext() as service:
        own = {**environment(root / "home", **(service.environment if service else {})), **BY_VALUE}
        own |= {"TMPDIR": str(root / "home")}
        words = {
            "online": ["launch.wandb.mode=online"],
            "offline": ["launch.wandb.mode=offline"],
            "tensorboard": ["launch.tracking=tensorboard"],
        }[tracker]
        notes = f"launch.wandb.notes=see api_key={BY_NAME} {BY_VALUE['HF_TOKEN']}"
        command = [sys.executable, "-c", MAIN, "sync", STUDY, notes, f"launch.wandb.tags=[{BY_VALUE['HF_TOKEN']}]"]
        done = subprocess.run([*command, *words], cwd=root, env=own, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        places = dict(_written(root)) | {"the terminal": done.stdout + done.stderr}
        places |= {f"sent: {name}": content for name, content in _sent(service).items()} if service else {}
    found = [
        f"{name}: {canary}" for name, content in places.items() for canary in CANARIES if canary.encode() in content
    ]
    if tracker != "tensorboard":  # which names its files so
        host = socket.gethostname().encode()
        found += [f"{name}: the host's name" for name, content in places.items() if host in content]
    masked = sum(content.count(MASK.encode()) for content in places.values())
    return Looked(sum(map(len, places.values())), masked, found)


def _written(root: Path) -> Iterator[tuple[str, bytes]]:
    """Files that mirrors and their SDKs write."""
    for place in WRITTEN:
        top = root / place
        for path in [top, *top.rglob("*")]:
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(root)), path.read_bytes()
    for path in root.glob("runs/*/tracking.json"):
        yield str(path.relative_to(root)), path.read_bytes()


def _sent(service: Service) -> Mapping[str, bytes]:
    return {
        f"{number} {asked.route} {asked.operation}": asked.path.encode() + str(asked.headers).encode() + asked.body
        for number, asked in enumerate(service.requests)
    }


def reaches_out(root: Path, *words: str, **own: str) -> tuple[int, list[str]]:
    """Sockets that a run opens in a namespace without a route, and calls that would leave the machine."""
    root.mkdir()
    (root / "home").mkdir()
    trace = ["strace", "-ff", "-qq", "-s", "300", "-e", "trace=network,openat", "-o", str(root / "trace")]
    command = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *trace]
    done = subprocess.run(
        [*command, sys.executable, "-c", MAIN, "run", *TINY, *words],
        cwd=root, env=environment(root / "home", **own), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for path in root.glob("trace.*") for line in path.read_text(errors="replace").splitlines()]
    sockets = [line for line in lines if line.startswith("socket(AF_INET")]
    outward = [line[:160] for line in lines if _is_outward(line)]
    return len(sockets), outward


def _is_outward(line: str) -> bool:
    if "resolv.conf" in line and line.startswith("openat"):
        return True
    if not line.startswith(("connect(", "sendto(", "sendmsg(", "bind(")) or "AF_INET" not in line:
        return False
    return not re.search(r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"', line)


def main() -> int:
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        for number, (words, own) in enumerate(
            [(("launch.tracking=none",), {}), ((), {"WANDB_MODE": "offline"}), (("launch.tracking=tensorboard",), {})]
        ):
            sockets, outward = reaches_out(Path(name) / str(number), *words, **own)
            bad += bool(outward)
            print(json.dumps({"run": [*words, own], "network sockets": sockets, "outward": outward}), flush=True)
        for tracker in ("online", "offline", "tensorboard"):
            (root := Path(name) / tracker).mkdir()
            looked = leaks(root, tracker)
            bad += bool(looked.canaries) or not looked.masked
            print(json.dumps({"tracker": tracker, **asdict(looked)}), flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
