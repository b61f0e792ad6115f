"""A search by four workers on the test cluster, hurt at random: exact trials, nothing evaluated twice, none left over.

    python -m tests.checks.slurm_sweep [--trials 12] [--hurts 6] [--seed 0]

Workers are killed with SIGKILL, their jobs requeued, one node's daemon is killed. Afterwards: exactly as many trials as
the budget says, all over; of every run each epoch once, by attempts that followed each other; values as the store has;
hours within one trial of the budget; no trial running whose job is gone, one look after somebody asked. Prints JSON.
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
from pathlib import Path
from typing import Any

from an_cli.cli.searching import ask_search
from an_cli.files import dump_yaml
from an_cli.plan.trials import Trial, TrialState
from an_cli.store import Store, read_result, status_of
from tests.slurm.harness import LAUNCH, ROOT, assert_one_writer, attempts_of, cluster, slurm
from tests.tiny import TINY

LIVE = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED")
EPOCHS, RUNG = 16, 5


class Chaos:
    """The search's folder, and ways to hurt its workers."""

    def __init__(self, root: Path, trials: int, draw: random.Random) -> None:
        self.root, self.draw, self.store = root, draw, Store(root)
        base = [word for word in TINY if not word.startswith(("launch.", "recipe.epochs", "data.train", "data.eval"))]
        rate = {"type": "float", "low": 0.01, "high": 0.8, "log": True}
        search = {
            "space": {"recipe.lr": rate},
            "objectives": ["top1_error_pct"],
            "sampler": {"name": "random", "seed": 0},
            "pruner": {"name": "halving", "rungs": [RUNG], "options": {"reduction_factor": 2}},
            "budget": {"trials": trials},
        }
        sizes = [f"recipe.epochs={EPOCHS}", "data.train_samples=400", "data.eval_samples=200"]
        content = {"title": "Chaos", "base": [*base, *sizes], "seeds": [0], "search": search}
        (root / "sweeps").mkdir(parents=True)
        (root / "sweeps" / "chaos.yaml").write_text(dump_yaml(content))
        os.chdir(root)

    def submit(self, workers: int) -> None:
        """`an-cli sweep chaos --on slurm`: joins."""
        command = [sys.executable, "-P", "-m", "an_cli", "sweep", "chaos", "--on", "slurm", "--workers", str(workers)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "AN_CLI_CACHE": str(self.root / "cache")}
        done = subprocess.run(
            [*command, *LAUNCH],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Elements of this store's arrays that SLURM has: id -> state, node."""
        tokens = {path.name for path in self.store.jobs.iterdir()} if self.store.jobs.is_dir() else set()
        lines = slurm("squeue", "--noheader", "--array", "--states=all", "--format=%j|%i|%T|%N|%r").splitlines()
        rows = [line.split("|") for line in lines]
        mine = [row for row in rows if row[0].rpartition(".")[2] in tokens]
        return {row[1]: (row[2], row[3]) for row in mine if "held" not in row[4]}  # by SLURM, after a lost node

    def live(self) -> list[str]:
        return [job for job, (state, _) in self.jobs().items() if state in LIVE]

    def running(self) -> list[str]:
        return [job for job, (state, _) in self.jobs().items() if state == "RUNNING"]

    def trials(self) -> list[Trial]:
        return list(ask_search("chaos", [], self.store, None).trials().all)

    def worker_of(self, job: str) -> int | None:
        """The process of a worker that has a trial."""
        owners = [trial.owner for trial in self.trials() if trial.owner.get("job") == job and not trial.state.is_over]
        return int(owners[-1]["pid"]) if owners else None

    def hurt(self, how: str) -> str:
        """Hurt one running worker; says what was done."""
        if not (running := self.running()):
            return "nobody to hurt"
        job = self.draw.choice(running)
        match how:
            case "kill":
                if (pid := self.worker_of(job)) is None:
                    return f"{job} had no trial"
                os.kill(pid, signal.SIGKILL)
            case "requeue":
                subprocess.run(["scontrol", "requeue", job], check=False, capture_output=True, timeout=60)
            case "node":
                cluster("kill", self.jobs()[job][1])
        return f"{how} {job}"


def check(root: Path, trials: int, hurts: int, seed: int) -> dict[str, Any]:
    """Search, hurt, and look at what is there."""
    chaos = Chaos(root, trials, random.Random(seed))
    begun, told = time.monotonic(), list[str]()
    chaos.submit(4)
    deeds = [chaos.draw.choice(["kill", "requeue"]) for _ in range(hurts)]
    deeds.insert(hurts // 2, "node")
    lost_node, next_at = "", begun + 20
    while any(not trial.state.is_over for trial in chaos.trials()) or len(chaos.trials()) < trials or chaos.live():
        assert time.monotonic() - begun < 1500, (told, chaos.jobs(), chaos.trials())
        over = all(trial.state.is_over for trial in chaos.trials()) and len(chaos.trials()) == trials
        if deeds and time.monotonic() > next_at and not over:
            how = deeds.pop(0)
            nodes = {job: node for job, (_, node) in chaos.jobs().items()}
            said = chaos.hurt(how)
            told.append(said)
            if how == "node" and said.startswith("node"):
                lost_node = nodes[said.partition(" ")[2]]
            next_at = time.monotonic() + chaos.draw.uniform(6, 14)
        if lost_node and not deeds and time.monotonic() > next_at + 45:
            cluster("revive", lost_node)
            lost_node = ""
        if not over and len(chaos.live()) < 2:
            chaos.submit(2)  # the same command joins
        time.sleep(2)
    if lost_node:
        cluster("revive", lost_node)
    return {**judge(chaos, trials), "hurts": told, "seconds": round(time.monotonic() - begun, 1)}


def judge(chaos: Chaos, wanted: int) -> dict[str, Any]:
    """What must hold."""
    trials = chaos.trials()
    assert len(trials) == wanted, len(trials)
    assert all(trial.state.is_over for trial in trials)
    assert len({trial.cells for trial in trials}) == wanted, "a choice was evaluated twice"
    taken = 0
    for trial in trials:
        run = chaos.store.run(trial.cells[0])
        assert_one_writer(run)
        taken += len(attempts_of(run))
        if trial.state is TrialState.FINISHED:
            assert trial.values == (read_result(run).last["top1_error_pct"],)
        else:
            assert trial.state is TrialState.PRUNED
            assert status_of(run).value == "paused"
    states = [str(trial.state) for trial in trials]
    return {"trials": len(trials), "states": {state: states.count(state) for state in set(states)}, "attempts": taken}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--hurts", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="an-cli-sweep-") as folder:
        print(json.dumps(check(Path(folder) / "site", asked.trials, asked.hurts, asked.seed), indent=1), flush=True)


if __name__ == "__main__":
    main()
