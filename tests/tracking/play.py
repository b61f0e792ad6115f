"""Drives trackers as a mirror does: a process that has imported the SDK once, and forks for every play.

    python -m tests.tracking.play

In, a JSON line per play: `{"launch": {...}, "folder": DIR, "environment": {...}, "head": {...}, "deeds": [...]}`. A
deed is `["open", {known_as, goes_on}]`, `["log", step, values]`, `["tend"]`, `["wait", seconds]`, `["close", finish]`
or `["die"]`, which is SIGKILL. Out, a JSON line per play: what `open` gave, or the error, and the exit status.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from an_cli.config import LaunchConfig, read
from an_cli.errors import StoreError, TrackerError
from an_cli.mirror import descendants, kill_tree
from an_cli.tracking import wandb_tracker
from an_cli.tracking.mirror_run import make_tracker
from an_cli.tracking.tracker import Finish, MetricsPoint, Opened, RunHead


def perform(play: dict[str, Any]) -> Opened:
    os.environ.update(play["environment"])
    wandb_tracker.INIT_S = play["init_s"]
    launch = read(LaunchConfig, play["launch"], where="launch", error=StoreError)
    tracker = make_tracker(launch, Path(play["folder"]))
    head = RunHead(**{**play["head"], "tags": tuple(play["head"]["tags"])})
    opened = Opened("", 0)
    for deed, *words in play["deeds"]:
        match deed:
            case "open":
                opened = tracker.open(head, **words[0])
            case "log":
                if words[0] >= opened.next_step:  # as a mirror does
                    tracker.log(MetricsPoint(*words))
            case "tend":
                tracker.tend()
            case "wait":
                time.sleep(words[0])
            case "close":
                tracker.close(_finish(**words[0]))
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
    return opened


def _finish(*, pictures: dict[str, str], files: list[str], **words: Any) -> Finish:
    drawn = {name: base64.b64decode(png) for name, png in pictures.items()}
    return Finish(pictures=drawn, files=tuple(map(Path, files)), **words)


def say(**words: object) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


def main() -> None:
    import wandb  # noqa: F401 - once, for all plays

    say(ready=True)
    for line in sys.stdin:
        answer, answer_end = os.pipe()
        pid = os.fork()
        if not pid:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            try:
                opened = perform(json.loads(line))
                os.write(answer_end, json.dumps(vars(opened)).encode())
            except TrackerError as error:
                os.write(answer_end, json.dumps({"error": str(error)}).encode())
            finally:
                os._exit(0)
        os.close(answer_end)
        _, status = os.waitpid(pid, 0)
        os.set_blocking(answer, False)  # a child of the killed one may hold the other end
        try:
            said = os.read(answer, 65536)
        except BlockingIOError:
            said = b""
        os.close(answer)
        say(**(json.loads(said) if said else {}), exit=os.waitstatus_to_exitcode(status))
    for left in descendants(os.getpid()):
        kill_tree(left)


if __name__ == "__main__":
    main()
