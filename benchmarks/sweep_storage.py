"""What a search's storage costs beside plain Optuna's, in the same run: `python -m benchmarks.sweep_storage`.

Ask at 10,000 trials beside in-memory TPE on the same trials; opening a study of 30,000 trials beside the plain journal;
`status` of 10,000 trials. Figures go to `benchmarks/results/sweep_storage.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages.journal import JournalFileBackend

from an_cli.files import dump_yaml
from an_cli.plan.journal import JournalFile
from an_cli.plan.samplers import distributions, suggest
from an_cli.plan.searching import Assignment, Searching
from an_cli.plan.trials import read_journal
from tests.plan.surrogate import BASE, SPACE, candidates, searching

TIME = "2026-01-01T00:00:00.000000+00:00"
RESULT = Path(__file__).parent / "results" / "sweep_storage.json"
OWNER = {"pid": 1}


def timed(work: Callable[[], Any]) -> float:
    """Seconds of a call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def fill(search: Searching, count: int) -> None:
    """Give a search so many finished trials: the lines that workers would have written, all at once."""
    draw = random.Random(0)
    space = search.candidates.space
    search.turn(lambda asking: None)  # makes the study
    logs: list[dict[str, Any]] = []
    for number in range(count):
        params = {"recipe.lr": draw.uniform(0.01, 1), "recipe.weight_decay": draw.uniform(1e-5, 1e-2)}
        vector = sorted(draw.randint(1, 40) for _ in range(4))
        params |= {f"norm.attention.components[{index}]": value for index, value in enumerate(vector)}
        kinds = distributions(space, params)
        about = {"cells": [f"{number:016x}"], "owner": {}, "stage": 0}
        logs.append({
            "op_code": 4, "worker_id": "w", "study_id": 0, "datetime_start": TIME, "state": 0, "value": None,
            "values": None, "user_attrs": about, "system_attrs": {}, "intermediate_values": {},
            "distributions": {name: distribution_to_json(kind) for name, kind in kinds.items()},
            "params": {name: kind.to_internal_repr(params[name]) for name, kind in kinds.items()},
        })  # fmt: skip
        end = {"state": 1, "values": [draw.uniform(10, 40)], "datetime_complete": TIME}
        logs.append({"op_code": 6, "worker_id": "w", "trial_id": number, **end})
    JournalFile(search.folder / "journal.log").append_logs(logs)
    search.turn(lambda asking: asking.trials())


def plain_journal(search: Searching, path: Path) -> None:
    """The lines that plain Optuna writes for `ask`, `suggest_*` and `tell`, without drawing anything."""
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "plain")
    logs: list[dict[str, Any]] = []
    for trial in search.asking.trials():
        start = trial.started.astimezone().isoformat()
        logs.append({"op_code": 4, "worker_id": "w", "study_id": 0, "datetime_start": start})
        for name, kind in distributions(search.candidates.space, trial.params).items():
            value = {"param_name": name, "param_value_internal": kind.to_internal_repr(trial.params[name])}
            text = distribution_to_json(kind)
            logs.append({"op_code": 5, "worker_id": "w", "trial_id": trial.number, **value, "distribution": text})
        end = {"state": 1, "values": list(trial.values), "datetime_complete": start}
        logs.append({"op_code": 6, "worker_id": "w", "trial_id": trial.number, **end})
    JournalFileBackend(str(path)).append_logs(logs)


def ask_figures(folder: Path, trials: int, repeats: int) -> dict[str, float]:
    """Milliseconds of an ask: in-memory TPE, and ours from taking the turn to the trial on disk."""
    search = searching(folder, candidates(budget={"trials": 10**6}))
    fill(search, trials)
    memory = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, constant_liar=True))
    memory.add_trials(search.asking.study.get_trials(deepcopy=False))
    space = search.candidates.space
    search.take(OWNER, lambda owner: False)
    plain, ours = [], []
    for _ in range(repeats):
        plain.append(timed(lambda: suggest(space, memory.ask())))
        ours.append(timed(lambda: _take(search)))
    return {"in_memory_tpe_ms": 1e3 * median(plain), "ours_ms": 1e3 * median(ours)}


def _take(search: Searching) -> None:
    assert isinstance(search.take(OWNER, lambda owner: False), Assignment)


def open_figures(folder: Path, trials: int, repeats: int) -> dict[str, float]:
    """Seconds until Optuna has a journal's trials in memory."""
    search = searching(folder)
    fill(search, trials)
    plain = folder / "plain.log"
    plain_journal(search, plain)
    ours = search.folder / "journal.log"
    theirs_s, ours_s, light_s = [], [], []
    for _ in range(repeats):
        theirs_s.append(timed(lambda: optuna.storages.JournalStorage(JournalFileBackend(str(plain)))))
        ours_s.append(timed(lambda: optuna.storages.JournalStorage(JournalFile(ours))))  # type: ignore[arg-type]
        light_s.append(timed(lambda: read_journal(ours, "tried", search.candidates.space)))
    return {"plain_s": median(theirs_s), "ours_s": median(ours_s), "without_optuna_s": median(light_s)}


def status_figures(folder: Path, trials: int, repeats: int) -> dict[str, float]:
    """Seconds of a processor that `an-cli status` of a search takes, and `--help`, which does nothing."""
    search = searching(folder, candidates(budget={"trials": 10**6}))
    (folder / "sweeps").mkdir(parents=True)
    content = {"base": BASE, "search": {"space": SPACE, "objectives": ["top1_error_pct"], "budget": {"trials": 10**6}}}
    (folder / "sweeps" / "tried.yaml").write_text(dump_yaml(content))
    fill(search, trials)
    words = [sys.executable, "-P", "-m", "an_cli"]
    status = [*words, "status", "tried", "--store", str(folder / "store")]
    found = {"status_cpu_s": status, "help_cpu_s": [*words, "--help"]}
    return {name: min(_cpu_s(command, folder) for _ in range(repeats)) for name, command in found.items()}


def _cpu_s(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--opened", type=int, default=30_000)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = {"trials": asked.trials, "opened": asked.opened, "python": sys.version.split()[0]}
        found["load"] = os.getloadavg()[0]
        found["ask"] = ask_figures(Path(folder) / "ask", asked.trials, asked.repeats)
        found["open"] = open_figures(Path(folder) / "open", asked.opened, 3)
        found["status"] = status_figures(Path(folder) / "status", asked.trials, 5)
    found["open"]["ratio"] = found["open"]["ours_s"] / found["open"]["plain_s"]
    print(json.dumps(found, indent=1))
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
