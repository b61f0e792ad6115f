"""TPE beside random search at equal budget, over seeds, on a formula in a training's place: figures, no claim.

    python -m benchmarks.sweep_quality [--seeds 10] [--trials 40]

Each search is whole: asked, told and kept as a real one is, only its runs are a formula of their config (see
`tests/plan/surrogate.py`). Writes the best error of each search to `results/sweep_quality.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median

from tests.plan.surrogate import candidates, searching, work

RESULT = Path(__file__).parent / "results" / "sweep_quality.json"


def best(sampler: str, seed: int, trials: int) -> float:
    """The lowest error that one search comes to."""
    with tempfile.TemporaryDirectory() as folder:
        made = candidates(sampler={"name": sampler, "seed": seed}, budget={"trials": trials})
        search = searching(Path(folder), made)
        work(search)
        return min(trial.values[0] for trial in search.asking.trials())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    asked = parser.parse_args()
    found = {name: [best(name, seed, asked.trials) for seed in range(asked.seeds)] for name in ("tpe", "random")}
    wins = sum(tpe < other for tpe, other in zip(found["tpe"], found["random"], strict=True))
    value = {"trials": asked.trials, "best_error_pct": found, "tpe_lower_in": wins, "of": asked.seeds}
    value["median"] = {name: median(errors) for name, errors in found.items()}
    print(json.dumps(value, indent=1))
    RESULT.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
