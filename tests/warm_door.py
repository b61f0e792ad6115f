"""The heavy door for tests: what `python -m an_cli.worker` does, without importing torch each time.

One process of a test session has imported everything that the door's verbs need, and forks one that is asked for. As a
program this file stands where `python -m an_cli.worker` does: it hands its words, environment, working directory and
standard streams on, passes signals on, and ends as the forked one has ended. That the door also opens as it is started
in earnest is for the tests of the README and of the documents.

    python -P tests/warm_door.py NAME LIVES_WITH WORD...

NAME is of an abstract socket, LIVES_WITH the process with which the forking one ends.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_IMPORTS = (
    "numpy.random", "torch._dynamo", "an_cli.worker.__main__", "an_cli.worker.answering", "an_cli.worker.cost",
    "an_cli.worker.data", "an_cli.worker.evaluate", "an_cli.worker.import_weights", "an_cli.worker.job",
    "an_cli.worker.run", "an_cli.worker.serve", "an_cli.worker.smoke", "an_cli.worker.strip",
)  # fmt: skip


def warm_door() -> tuple[str, ...]:
    """The words that start a heavy door, for `Popen` or `Door(command=...)`."""
    session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return (sys.executable, "-P", __file__, f"an-cli-warm-door-{session}", str(session))


def _ask(name: str, lives_with: str, words: list[str]) -> int:
    """Have a door forked, and wait for its end."""
    with _connect(name, lives_with) as door:
        for number in _PASSED_ON:
            signal.signal(number, lambda number, frame: door.send(bytes([number])))
        request = {"words": words, "environment": dict(os.environ), "folder": str(Path.cwd())}
        socket.send_fds(door, [json.dumps(request).encode()], [0, 1, 2])
        status: int
        (status,) = struct.unpack("i", door.recv(4))
    if status < 0:
        if -status in _PASSED_ON:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _connect(name: str, lives_with: str) -> socket.socket:
    started = None
    while True:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            found.connect(f"\0{name}")
        except ConnectionRefusedError:
            found.close()
            if started is None:  # one that finds the name taken by another ends at once
                command = [sys.executable, "-P", __file__, "--fork-for", name, lives_with]
                null = subprocess.DEVNULL
                started = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
            time.sleep(0.02)
        else:
            return found


def _serve(name: str, lives_with: int) -> None:
    """Fork a door for whoever asks, as long as the test session lives."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listening.bind(f"\0{name}")
    except OSError:
        return
    listening.listen(64)
    for module in _IMPORTS:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that look after a door
    while Path(f"/proc/{lives_with}").exists():
        if not select.select([listening], [], [], 1.0)[0]:
            continue
        asking, _ = listening.accept()
        _, uid, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid == os.getuid() and os.fork() == 0:
            listening.close()
            _look_after(asking)
        asking.close()


def _look_after(asking: socket.socket) -> None:
    """Fork one door, pass on what it is told, tell how it ends; it does not outlive who asked. Does not return."""
    raw, streams, _, _ = socket.recv_fds(asking, 1 << 20, 3)
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    door = os.fork()
    if door == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        asking.close()
        os.close(wake)
        os.close(wake_end)
        _become(json.loads(raw), streams)
    for descriptor in streams:
        os.close(descriptor)
    while True:
        readable, _, _ = select.select([asking, wake], [], [])
        if wake in readable:
            os.read(wake, 64)
            found, status = os.waitpid(door, os.WNOHANG)
            if found:
                asking.send(struct.pack("i", os.waitstatus_to_exitcode(status)))
                os._exit(0)
        elif told := asking.recv(1):
            os.kill(door, told[0])
        else:
            os.kill(door, signal.SIGKILL)
            os._exit(0)


def _become(request: dict[str, object], streams: list[int]) -> None:
    """The door itself. Does not return."""
    status = 1
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(str(request["folder"]))
        os.environ.clear()
        os.environ.update(request["environment"])  # type: ignore[call-overload]
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        from an_cli.worker.__main__ import main

        status = main(list(request["words"]))  # type: ignore[call-overload]
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    if sys.argv[1] == "--fork-for":
        _serve(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(_ask(sys.argv[1], sys.argv[2], sys.argv[3:]))
