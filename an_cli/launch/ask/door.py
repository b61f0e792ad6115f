"""The heavy door as a process: the only way from the light wing to torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from an_cli.errors import LaunchError, from_value

# -P: a user's random.py in the working directory must not shadow the library's.
WORKER = (sys.executable, "-P", "-m", "an_cli.worker")


@dataclass(frozen=True)
class Door:
    """How the heavy door is started.

    Attributes:
        command: the words before the verb.
        environment: variables set for it beside those of this process.
    """

    command: tuple[str, ...] = field(default_factory=lambda: WORKER)
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, *verb: str, **streams: int | IO[bytes] | None) -> subprocess.Popen[bytes]:
        """Start a verb in a session of its own, so that Ctrl-C on the terminal reaches this process only.

        Raises:
            LaunchError: the interpreter cannot be started.
        """
        environment = {**os.environ, **self.environment, "AN_CLI_PARENT": str(os.getpid())}
        try:
            return subprocess.Popen([*self.command, *verb], env=environment, start_new_session=True, **streams)  # type: ignore[call-overload,no-any-return]
        except OSError as error:
            raise LaunchError(f"cannot start {self.command[0]}: {error.strerror}", where=" ".join(verb)) from error

    def ask(self, verb: str, requests: Sequence[object]) -> list[dict[str, Any]]:
        """Send JSON lines, return the JSON lines of the answer. What the process says on stderr goes through.

        Raises:
            LaunchError: the process failed, or answered what is not JSON.
        """
        process = self.start(verb, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            lines = "".join(f"{json.dumps(request)}\n" for request in requests)
            answer, _ = process.communicate(lines.encode())
        except BaseException:
            process.kill()
            process.wait()
            raise
        return _read(answer, verb, process.returncode)

    def ask_about(self, verb: str, request: object) -> dict[str, Any]:
        """Send one request, return its answer.

        Raises:
            AnError: what the heavy door refused it with, as the class that it was there.
            LaunchError: see `ask`.
        """
        (first, *others) = self.ask(verb, [request])
        for answer in (first, *others):  # of several ranks any may be the one that says why
            if (error := answer.get("error")) is not None:
                raise from_value(error)
        return first


def _read(answer: bytes, verb: str, status: int) -> list[dict[str, Any]]:
    try:
        answers = [json.loads(line) for line in answer.splitlines() if line.strip()]
    except ValueError:
        answers = []
    if not answers or (status != 0 and not any("error" in line for line in answers)):
        output = f" and answered {answer[:200].decode(errors='backslashreplace')!r}" if status == 0 else ""
        raise LaunchError(
            f"the heavy door's {verb!r} ended with exit status {status}{output}",
            where=verb,
            now="what it said stands above; `python -c 'import torch'` must work",
        )
    return answers
