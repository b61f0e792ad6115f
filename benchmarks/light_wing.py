"""How fast the light wing is at scale, in one run: `python -m benchmarks.light_wing`.

Every command runs as a process of its own, `python -c "import typer"` in turn with them as the yardstick, so that a
busy or slow machine shows in both. The best of several runs counts: processor seconds (what the command costs) beside
wall seconds (which count what else the machine does), and peak memory. Prints JSON and writes it to
benchmarks/results/light_wing.json. Exit status 1 when a limit is missed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results") / "light_wing.json"
PEAK_MIB = 400
_REPEATS = 3
_LIBRARIES = ("typer", "hydra-core", "omegaconf", "msgspec", "pandas", "rich")
_LOAD = "import an_cli, time; t = time.process_time(); f = an_cli.load('.'); print(time.process_time() - t, len(f))"


@dataclass(frozen=True)
class Case:
    """A command, where it runs, and the seconds it may take; `ratio` is a limit in yardsticks instead."""

    name: str
    words: tuple[str, ...]
    folder: str
    limit_s: float | None = None
    ratio: float | None = None
    timed_inside: bool = False  # the process prints its own seconds: the library call without its imports


CASES = (
    Case("import typer", ("-c", "import typer"), "."),
    Case("help", ("-m", "an_cli", "--help"), ".", ratio=2.5),
    Case("plan 1,000 cells", ("-m", "an_cli", "plan", "grid1000", "--no-costs"), ".", limit_s=3),
    Case("plan 10,000 cells", ("-m", "an_cli", "plan", "grid10000", "--no-costs"), ".", limit_s=25),
    Case("status of 10,000 runs", ("-m", "an_cli", "status"), "big", limit_s=1.5),
    Case("frame of 10,000 runs x 100 epochs", ("-c", _LOAD), "big", limit_s=3, timed_inside=True),
    Case("ablate a finished demo", ("-m", "an_cli", "ablate", "demo"), "demo", limit_s=5),
)


@dataclass(frozen=True)
class Sample:
    """One run of a command."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def main() -> int:
    """Measure everything; the exit status says whether all limits hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a small parent, because a child's peak counts from what its parent held at the fork.
        subprocess.run([sys.executable, "-m", "benchmarks.synthesize", name], cwd=ROOT, check=True)
        samples: dict[str, list[Sample]] = {case.name: [] for case in CASES}
        for case in CASES * (_REPEATS + 1):  # the first round compiles bytecode and fills caches
            samples[case.name].append(_run(case, folder))
    best = {name: _best(found[1:]) for name, found in samples.items()}
    rows = [_row(case, best[case.name], best["import typer"]) for case in CASES]
    text = json.dumps({**_machine(), "repeats": _REPEATS, "results": rows}, indent=1)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(not all(row["within"] for row in rows))


def _run(case: Case, folder: Path) -> Sample:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *case.words], cwd=folder / case.folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{case.name}: exit status {process.returncode}")
    cpu_s = float(said.split()[0]) if case.timed_inside else used.ru_utime + used.ru_stime
    return Sample(wall_s, cpu_s, used.ru_maxrss / 1024)


def _best(samples: list[Sample]) -> Sample:
    def least(of: Callable[[Sample], float]) -> float:
        return min(map(of, samples))

    return Sample(least(lambda one: one.wall_s), least(lambda one: one.cpu_s), max(one.peak_mib for one in samples))


def _row(case: Case, sample: Sample, yardstick: Sample) -> dict[str, Any]:
    limit_s = case.limit_s if case.ratio is None else case.ratio * yardstick.cpu_s
    return {
        "case": case.name,
        "cpu_s": round(sample.cpu_s, 3),
        "wall_s": round(sample.wall_s, 3),
        "yardsticks": round(sample.cpu_s / yardstick.cpu_s, 2),
        "limit_s": None if limit_s is None else round(limit_s, 3),
        "peak_mib": round(sample.peak_mib),
        "within": (limit_s is None or sample.cpu_s <= limit_s) and sample.peak_mib <= PEAK_MIB,
    }


def _machine() -> dict[str, Any]:
    from an_cli.store import commit

    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
