"""A run that SLURM preempts or requeues again and again is one W&B run with every step once.

    python -m tests.checks.slurm_tracking [TIMES]

On the cluster of tests/slurm/cluster.sh, against the double of the service: a run is requeued TIMES times (default 20)
at random moments, by scontrol and by jobs of the `urgent` partition in turn, its mirror killed at every fifth. What the
service was told is compared with the records. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from an_cli.files import read_json_lines
from an_cli.mirror import descendants
from an_cli.store import RunFolder
from tests.checks.slurm_interruptions import preempt, requeue
from tests.slurm.harness import Site, assert_one_writer, attempts_of, epochs_of, wait_until
from tests.tracking.wandb_service import Service, wandb_service

EPOCHS = 1500


def recorded(run: RunFolder) -> dict[int, dict[str, float]]:
    """Step -> what W&B is to show of it, from the records as they are at the end."""
    points: dict[int, dict[str, float]] = {}
    for line in read_json_lines(run.metrics)[0]:
        point = points.setdefault(line["step"], {})
        if line["kind"] == "step":
            point |= {"train/loss": line["loss"], "train/lr": line["lr"]}
        else:
            own = {"train/epoch_loss": line["loss"], "train/lr": line["lr"], "eval/loss": line["eval_loss"]}
            errors = {f"eval/{key}": value for key, value in line.items() if key.endswith("_error_pct")}
            point |= own | errors
    return points


def differences(run: RunFolder, history: list[Mapping[str, Any]]) -> dict[str, int]:
    """How the service's history differs from the records: steps missing, double or foreign, and values that differ."""
    steps = Counter(row["_step"] for row in history)
    wanted = recorded(run)
    shown = {row["_step"]: row for row in history}
    return {
        "missing": len(wanted.keys() - steps.keys()),
        "double": sum(count - 1 for count in steps.values()),
        "foreign": len(steps.keys() - wanted.keys()),
        "other_values": sum(
            any(shown[step].get(name) != value for name, value in values.items())
            for step, values in wanted.items()
            if step in shown
        ),
    }


def check(root: Path, service: Service, times: int) -> dict[str, object]:
    """Interrupt one run many times and see it to its end."""
    chance = random.Random(0)
    site = Site(root, epochs=EPOCHS, rows=[("rsd",)])
    begun = time.monotonic()
    following = site.start("ablate", "--on", "slurm", **service.environment)
    [run] = site.runs()
    for number in range(times):
        wait_until(lambda seen=number: len(attempts_of(run)) > seen, f"attempt {number + 1}", 240)
        time.sleep(chance.uniform(0.5, 4.0))
        before = epochs_of(run)
        if number % 5 == 4:
            kill_mirror()
        (preempt if number % 3 == 2 else requeue)(site, run)
        print(f"{number + 1}: {before} epochs", file=sys.stderr, flush=True)
    out, err = following.communicate(timeout=900)
    assert following.returncode == 0, out + err
    assert_one_writer(run)
    shown = list(service.runs.values())
    return {
        "attempts": len(attempts_of(run)),
        "wandb_runs": len(shown),
        "points": len(recorded(run)),
        **differences(run, shown[0].history),
        "state": shown[0].state,
        "preempting": shown[0].preempting,
        "said_at_the_end": err.splitlines()[-1],
        "seconds": round(time.monotonic() - begun, 1),
    }


def kill_mirror() -> None:
    """End every mirror on this machine, as a node that runs out of memory would."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"an_cli.tracking" in words:
                for pid in (int(name), *descendants(int(name))):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue


def main(words: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="an-cli-slurm-") as folder, wandb_service() as service:
        print(json.dumps(check(Path(folder), service, int(words[0]) if words else 20)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
