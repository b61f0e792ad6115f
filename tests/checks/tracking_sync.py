"""Many runs made without a network, sent by `an-cli sync` that is killed again and again: each is there exactly once.

    python -m tests.checks.tracking_sync [--runs 200] [--kills 20] [--seed 0]

Killed are, by turns, the command, the whole family of the process that sends, and one of its children. The same command
is repeated until it ends well. Then the service is emptied, and `sync --again` must give the same. Prints one JSON
object; exit status 1 when a run, a step or a number is missing, double or another.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from an_cli.config import compose, plain
from an_cli.files import write_json
from an_cli.mirror import descendants
from an_cli.store import RunFolder, Store, this_process
from tests.checks.tracking_demo import MAIN, environment
from tests.store.conftest import Records
from tests.tiny import TINY
from tests.tracking.compared import SPEED, recorded_points
from tests.tracking.kept import KeptRun
from tests.tracking.shown import of_kept
from tests.tracking.wandb_service import Service, wandb_service

STUDY, STEPS, EPOCHS = "many", 40, 4


def make_runs(root: Path, count: int) -> list[RunFolder]:
    """Finished runs of a study, a seed each, as a machine without a network has left them."""
    composed, store = compose(TINY), Store(root)
    runs = []
    for seed in range(count):
        cell = replace(composed.cell, seed=seed)
        run = store.prepare(cell, composed.choices)
        store.link(STUDY, f"seed {seed}", run)
        write_json(
            run.job, {"launch": plain(composed.launch), "on": "local", "submitted_at": "2026-01-01T00:00:00+00:00"}
        )
        run.metrics.write_text("".join(f"{json.dumps(line)}\n" for line in lines_of(seed)))
        run.attempts.write_text(json.dumps(Records.plain_attempt) + "\n")
        run.per_sample.write_bytes(bytes([seed % 256]) * 100)
        run.claims.mkdir()
        (run.claims / "1").write_text(json.dumps(asdict(replace(this_process(), left="finished"))))
        write_json(run.result, {**Records.plain_result, "params": 1000 + seed})
        runs.append(run)
    return runs


def lines_of(seed: int) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    for step in range(1, STEPS + 1):
        about = {"step": step, "steps": STEPS, "epochs": EPOCHS, "epoch": (step - 1) // (STEPS // EPOCHS)}
        about |= {"elapsed_s": step / 8}
        lines.append({"kind": "step", **about, "loss": seed + 1 / step, "lr": 0.1})
        if step % (STEPS // EPOCHS) == 0:
            lines.append({"kind": "epoch", **about, "loss": seed + 0.5, "top1_error_pct": 90.0 - step})
    return lines


def start(root: Path, own: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAIN, "sync", STUDY, "launch.wandb.project=p", *words]
    return subprocess.Popen(command, cwd=root, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_some(process: subprocess.Popen[str], draw: random.Random) -> str:
    """Kill the command, all that it started, or one process of that; returns which."""
    family = descendants(process.pid)
    kind = draw.choice(["command", "family", "child"]) if family else "command"
    victims = {"command": [process.pid], "family": family, "child": [draw.choice(family or [0])]}[kind]
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return kind


def send_and_kill(root: Path, own: Mapping[str, str], kills: int, draw: random.Random) -> dict[str, int]:
    """Repeat the command until it ends well, killing it so often; returns how often what was killed."""
    killed: dict[str, int] = {}
    commands, end = 0, time.monotonic() + 3600
    while time.monotonic() < end:
        process, commands, out, err = start(root, own), commands + 1, "", ""
        while sum(killed.values()) < kills:
            with suppress(subprocess.TimeoutExpired):
                out, err = process.communicate(timeout=draw.uniform(1.0, 6.0))
                break
            kind = kill_some(process, draw)
            killed[kind] = killed.get(kind, 0) + 1
        if process.returncode is None:
            out, err = process.communicate()
        if process.returncode == 0 and sum(killed.values()) >= kills and "another mirror" not in out:
            return {**killed, "commands": commands}
        print(json.dumps({"status": process.returncode, "said": (err or out).strip()[-160:]}), file=sys.stderr)
    raise AssertionError("it never ended well")


def as_told(run: KeptRun) -> tuple[object, ...]:
    """All that is shown of a run, but when."""
    shown = of_kept(replace(run, overwritten=[]))
    return shown.id, shown.name, shown.group, shown.config, shown.points, shown.state, shown.exit_status, shown.facts


def wrongs(service: Service, runs: list[RunFolder]) -> list[str]:
    """What the service has otherwise than the store."""
    found = [f"{len(service.runs)} runs beside {len(runs)}"] if len(service.runs) != len(runs) else []
    for run in runs:
        kept = service.runs.get(("lab", "p", run.id))
        if kept is None:
            found.append(f"{run.id}: not there")
            continue
        shown = of_kept(replace(kept, overwritten=[]))
        bare = [(step, {key: value for key, value in values.items() if key != SPEED}) for step, values in shown.points]
        if bare != list(recorded_points(run).items()):
            found.append(f"{run.id}: steps {[step for step, _ in bare]}")
        if (shown.state, shown.exit_status) != ("finished", 0):
            found.append(f"{run.id}: {shown.state}")
        artifacts = [each for each in kept.artifacts if each.type == "run" and each.state == "COMMITTED"]
        own = {path.name: path.read_bytes() for path in (run.result, run.per_sample)}
        if not artifacts or any(each.files != own for each in artifacts[-1:]):
            found.append(f"{run.id}: artifact")
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, wandb_service() as service:
        root = Path(name)
        runs, own = make_runs(root, asked.runs), environment(root, **service.environment)
        killed = send_and_kill(root, own, asked.kills, random.Random(asked.seed))
        wrong, first = wrongs(service, runs), {run.id: as_told(run) for run in service.runs.values()}
        rewritten = sum(bool(run.overwritten) for run in service.runs.values())
        service.runs.clear()
        service.kept.artifacts.clear()
        process = start(root, own, "--again")
        _, err = process.communicate()
        assert process.returncode == 0, err
        wrong += [f"again: {each}" for each in wrongs(service, runs)]
        if {run.id: as_told(run) for run in service.runs.values()} != first:
            wrong.append("again: not the same")
    figures = {"runs": asked.runs, "killed": killed, "sent twice with the same lines": rewritten, "wrong": wrong[:20]}
    print(json.dumps({**figures, "seconds": round(time.monotonic() - began, 1)}))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
