"""A heavy door without torch: the same protocol, and runs that do what `script.json` in their folder says.

A run's script is a list of deeds, one per attempt; the last one is repeated, and a run without a script finishes. Each
attempt takes the claim as a real one does and appends a line to `attempts.txt`, so that a test can count.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from an_cli.files import write_json
from an_cli.store import RunFolder, take

BUSY = 75


def attempt(folder: Path) -> int:
    run = RunFolder(folder)
    if run.result.exists() or take(run) is None or run.result.exists():  # finished before the claim, or in between
        return BUSY
    with (folder / "attempts.txt").open("a") as file:
        file.write(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}\n")
    number = len((folder / "attempts.txt").read_text().splitlines())
    script = folder / "script.json"
    deeds = json.loads(script.read_text()) if script.exists() else ["finish"]
    return perform(run, deeds[min(number, len(deeds)) - 1])


def finish(run: RunFolder) -> int:
    evaluation = {"epoch": 0, "loss": 0.5, "top1_error_pct": 20.0, "top5_error_pct": 1.0, "samples": 100}
    result = {
        "last": evaluation,
        "best": evaluation,
        "steps": 5,
        "params": 1000,
        "macs": 2000,
        "attempt": 1,
        "train_s": 1.0,
        "code_tree": "0" * 16,
        "data_fingerprint": "1" * 16,
        "device": "paper",
    }
    write_json(run.result, result)
    return 0


def perform(run: RunFolder, deed: str) -> int:
    match deed:
        case "finish":
            time.sleep(0.02)
            return finish(run)
        case "fail":
            run.error.write_text("out of memory\ndetails\n")
            return 1
        case "empty":
            return 0
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "crash":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.kill(os.getpid(), signal.SIGSEGV)
        case "lose its data":
            if not (run.path / "data").exists():
                run.error.write_text("data/train is not a folder\n")
                return 1
            return finish(run)
        case "kill the worker":
            os.kill(os.getppid(), signal.SIGKILL)
            return 1
        case "outlive the worker":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(0.3)
            return finish(run)
        case "wait":
            return wait_for_sigterm(run)
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (run.path / "waiting").touch()
            time.sleep(60)
    raise ValueError(deed)


def wait_for_sigterm(run: RunFolder) -> int:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    (run.path / "waiting").touch()
    while not told:
        time.sleep(0.01)
    (run.path / "saved").touch()
    return 128 + signal.SIGTERM


def serve() -> int:
    children: dict[int, str] = {}
    is_open, stopped, pending = True, False, b""

    def stop(number: int, frame: object) -> None:
        nonlocal is_open, stopped
        is_open, stopped = False, True
        for pid in children:
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    say(event="ready")
    os.write(1, b"a stray print\n")
    while is_open or children:
        if is_open and select.select([0], [], [], 0.01)[0]:
            chunk = os.read(0, 65536)
            is_open = bool(chunk)
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                start(json.loads(line), children)
        time.sleep(0 if is_open else 0.01)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                say(event="exited", run=children.pop(pid), pid=pid, exit=os.waitstatus_to_exitcode(status))
    return 143 if stopped else 0


def start(request: dict[str, Any], children: dict[int, str]) -> None:
    folder = request["run"]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # a signal in here would miss the child
    pid = os.fork()
    if pid == 0:
        os.environ.update(request["environment"])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os._exit(attempt(Path(folder)))
    children[pid] = folder
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    say(event="started", run=folder, pid=pid)


def say(**event: object) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def model() -> int:
    json.load(sys.stdin)
    an = [{"channels": 16, "components": 10}]
    stage = {"name": "stage1", "shape": [16, 7, 7], "params": 1234, "macs": 56789, "an": an}
    say(params=1234, macs=56789, stages=[stage], params_by_kind={"conv": 1234})
    return 0


def cost() -> int:
    for line in sys.stdin:
        request = json.loads(line)
        config = request["config"]
        answer: dict[str, object] = {"params": sum(config["model"]["widths"]), "macs": 7}
        if config["model"]["stem_width"] == 13:
            answer = {
                "error": {
                    "kind": "ConfigError",
                    "what": "13 is unlucky",
                    "where": "model.stem_width",
                    "now": "write 12",
                }
            }
        say(key=request["key"], **answer)
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            sys.exit(serve())
        case ["cost"]:
            sys.exit(cost())
        case ["model"]:
            sys.exit(model())
        case ["run", folder]:
            sys.exit(attempt(Path(folder)))
