"""`an-cli`, killed at a chosen point: `python -m tests.slurm.dying_submitter POINT WORD...`.

POINT counts what the submitter does to the store and to SLURM: each file it opens for writing, each rename, link and
folder under `.an-cli/jobs` or `submissions/`, each call of sbatch. `12` kills it before the twelfth; `sbatch+20` kills
it 20 ms after sbatch was called. `count` prints how many there are.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from an_cli.cli.__main__ import main

_EVENTS = {"open", "os.rename", "os.link", "os.mkdir", "os.remove"}


class Points:
    """Counts, and kills at the one that was chosen."""

    def __init__(self, point: str) -> None:
        after = point.partition("sbatch+")[2]
        self.count, self.at = 0, int(point) if point.isdigit() else None
        self.after_ms = int(after) if after else None

    def __call__(self, event: str, about: tuple[object, ...]) -> None:
        if event == "subprocess.Popen" and "sbatch" in str(about[1]):
            if self.after_ms is not None:
                threading.Thread(target=self._die_soon, daemon=True).start()
            self._pass()
        elif event in _EVENTS and any(f"{part}" in str(about[:2]) for part in (".an-cli/jobs", "/submissions/")):
            self._pass()

    def _pass(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _die_soon(self) -> None:
        assert self.after_ms is not None
        time.sleep(self.after_ms / 1000)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    points = Points(sys.argv[1])
    sys.addaudithook(points)
    status = main(sys.argv[2:])
    print(f"points: {points.count}")
    sys.exit(status)
