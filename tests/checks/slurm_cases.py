"""What real clusters, second users and full queues did to studies, done again on the test cluster.

    python -m tests.checks.slurm_cases [CASE ...]

Each case starts a cluster of tests/slurm/cluster.sh as it needs it and prints a line; the last line counts. 12 min.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from an_cli.files import read_json, write_json
from tests.slurm.harness import LAUNCH, Site, attempts_of, cluster, slurm, wait_until

OTHER = "antestother"  # the second Unix user
DELAY = "launch.setup=['sleep 2']"


@dataclass(frozen=True)
class Case:
    """A case, and the cluster that it wants."""

    run: Callable[[Site], str]
    settings: dict[str, str]
    seeds: int = 1
    epochs: int = 2


CASES: dict[str, Case] = {}


def case(seeds: int = 1, epochs: int = 2, **settings: str) -> Callable[[Callable[[Site], str]], Callable[[Site], str]]:
    """Register a case."""

    def register(run: Callable[[Site], str]) -> Callable[[Site], str]:
        CASES[run.__name__] = Case(run, {f"AN_TEST_{key}": value for key, value in settings.items()}, seeds, epochs)
        return run

    return register


@contextmanager
def configured(settings: dict[str, str]) -> Iterator[None]:
    """A cluster of its own, gone afterwards."""
    os.environ.update(settings)
    try:
        cluster("stop")
        cluster("start")
        yield
    finally:
        subprocess.run("squeue --noheader --format=%A | xargs --no-run-if-empty scancel", shell=True, check=False)
        subprocess.run(["scontrol", "update", "NodeName=n[0-1]", "State=RESUME"], check=False, capture_output=True)
        cluster("stop")
        for key in settings:
            del os.environ[key]


def finished(site: Site) -> int:
    """Runs that have a result."""
    return sum(run.result.exists() for run in site.runs())


@case(seeds=3)
def s1_a_node_without_the_store(site: Site) -> str:
    cluster("kill", "n1")
    time.sleep(1)
    command = f"mount -t tmpfs none '{site.root}' && exec slurmd -N n1"
    subprocess.run(["unshare", "-m", "bash", "-c", command], check=True, timeout=60)
    wait_until(lambda: "idle" in slurm("sinfo", "--noheader", "--nodes=n1", "--format=%T"), "n1")
    said = site.ablate(timeout=280)
    assert finished(site) == 12
    assert "n1 is avoided" in said, said
    return f"12 of 12 finished; {ends(site).count('FAILED|n1')} jobs were lost to n1"


def ends(site: Site) -> list[str]:
    """STATE|NODE of every job that the accounts have of a site."""
    lines = slurm("sacct", "--noheader", "--allocations", "--parsable2", "--format=JobName,State,NodeList").splitlines()
    tokens = {path.name for path in site.store.jobs.iterdir()}
    return [line.partition("|")[2] for line in lines if line.partition("|")[0].rpartition(".")[2] in tokens]


@case(seeds=3)
def s2_a_setup_line_that_fails(site: Site) -> str:
    said = site.ablate("launch.setup=['module load nothing-of-this-name','exit 3']", status=1, timeout=200)
    assert "held back" in said, said
    assert "command not found" in said or "exit 3" in said or "3:0" in said, said
    assert ".out]" in said, said
    tried = sum(line.startswith("FAILED") for line in ends(site))
    assert tried <= 12, tried
    assert site.ablate(timeout=280)
    assert finished(site) == 12
    return f"held back after {tried} jobs; the repaired command finished all 12"


@case()
def s2_a_container_that_is_not_there(site: Site) -> str:
    said = site.ablate("launch.command_prefix='/opt/no/apptainer exec x.sif'", status=1, timeout=200)
    assert "No such file" in said, said
    return "named from the job's own output"


@case(seeds=3)
def s2_a_setup_line_that_fails_and_a_single_node(site: Site) -> str:
    slurm("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
    said = site.ablate("launch.setup=['exit 3']", status=1, timeout=150)
    assert "held back" in said, said
    return "held back"


@case()
def s3_setup_longer_than_the_time_limit(site: Site) -> str:
    said = site.ablate("launch.setup=['sleep 300']", "launch.time_min=1", "launch.warn_s=20", status=1, timeout=280)
    assert "raise launch.time_min" in said, said
    return "launch.time_min named"


@case()
def s4_odd_store_paths(site: Site) -> str:
    for name in ("a\tb", "a\nb", "a\\b"):
        store = site.root / name
        said = site.ablate("--store", str(store), "--detach", status=1) if make(store) else ""
        assert "which sbatch does not take" in said, said
        assert not list(store.rglob("submissions"))
    store = site.root / "a%nü b"
    store.mkdir()
    site.ablate("--store", str(store))
    assert len(list((store / "runs").glob("*/result.json"))) == 4
    return "3 refused before anything was taken; %n, ü and a blank work"


def make(folder: Path) -> bool:
    """Make a folder."""
    folder.mkdir()
    return True


@case()
def s5_options_of_an_clis_own(site: Site) -> str:
    for option in ("test-only", "parsable", "array=0-3", "wait"):
        said = site.ablate(f"launch.sbatch=[{option}]", status=1)
        assert "launch.sbatch" in said, said
    return "4 refused"


@case()
def s6_an_edited_cell(site: Site) -> str:
    site.ablate("--detach", "launch.sbatch=[hold]")
    run = site.runs()[0]
    cell = read_json(run.cell)
    cell["config"]["recipe"]["lr"] *= 3
    write_json(run.cell, cell)
    for job, *_ in site.live_jobs():
        subprocess.run(["scontrol", "release", job], check=True, timeout=60)
    wait_until(lambda: finished(site) == 3 and not site.live_jobs(), "the three others", 150)
    assert not run.result.exists()
    assert "cell.json was edited" in run.error.read_text()
    return "refused; the three others finished"


@case()
def s7_folders_removed_under_held_jobs(site: Site) -> str:
    site.ablate("--detach", "launch.sbatch=[hold]")
    shutil.rmtree(site.root / ".an-cli")
    shutil.rmtree(site.root / "studies")
    site.ablate(timeout=200)
    assert finished(site) == 4
    wait_until(lambda: "PENDING" not in slurm("squeue", "--noheader", "--format=%T"), "the old jobs to go", 30)
    return "submitted again, old jobs gone"


def as_other(site: Site, verb: str, *words: str, timeout: float = 120) -> tuple[int, str, float]:
    """A command as another user, who may read what root may: the interpreter lies in root's home here."""
    subprocess.run(["useradd", "--create-home", OTHER], check=False, capture_output=True, timeout=60)
    for path in (site.root, *site.root.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    launch = LAUNCH if verb == "ablate" else ()
    powers = "+dac_read_search,+dac_override"
    become = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    become += [f"--inh-caps={powers}", f"--ambient-caps={powers}"]
    command = [*become, sys.executable, "-P", "-m", "an_cli", verb, "tiny", *launch, *words]
    cache = Path(tempfile.mkdtemp(prefix="an-other"))
    cache.chmod(0o777)
    environment = {**site.environment, "HOME": f"/home/{OTHER}", "USER": OTHER, "AN_CLI_CACHE": str(cache)}
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=site.root, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


@case()
def s8_a_second_user_looks(site: Site) -> str:
    site.ablate("--detach", "launch.sbatch=[hold]")
    status, said, _ = as_other(site, "status", "--json")
    cells = json.loads(said)["cells"]
    assert status == 0
    assert {cell["status"] for cell in cells} == {"held"}, said
    assert all("submitted by root" in cell["reason"] for cell in cells), said
    status, said, took_s = as_other(site, "ablate", "--on", "slurm", "--detach")
    assert len(site.live_jobs()) == 4, site.live_jobs()
    assert took_s < 40, took_s
    site.cancel()
    return f"held, submitted by root; --detach {took_s:.0f} s, nothing submitted twice"


@case(CONF="PrivateData=jobs")
def s9_jobs_of_others_are_hidden(site: Site) -> str:
    site.ablate("--detach", "launch.sbatch=[hold]")
    before = sorted(row[0] for row in site.live_jobs())
    for _ in range(3):
        status, said, took_s = as_other(site, "ablate", "--on", "slurm", "--detach")
        assert "whose job it is" in said or "submitted by root" in said, said
        time.sleep(6)
    assert sorted(row[0] for row in site.live_jobs()) == before
    site.cancel()
    return f"unknown, never lost: 3 commands submitted nothing (exit {status}, {took_s:.0f} s)"


@case(epochs=400, ACCOUNTS="0", MIN_JOB_AGE="10")
def s11_cancelled_and_wanted_again(site: Site) -> str:
    site.ablate("--detach")
    wait_until(lambda: any(run.metrics.exists() for run in site.runs()), "a run to begin")
    site.call("cancel")
    time.sleep(25)
    follower = site.start("ablate", "--on", "slurm")
    wait_until(lambda: any(row[1] == "RUNNING" for row in site.live_jobs()), "a job to run again", 150)
    wait_until(lambda: any(len(attempts_of(run)) > 1 for run in site.runs()), "a second attempt", 120)
    follower.kill()
    assert not any(run.stop.exists() for run in site.runs())
    site.cancel()
    return "submitted again and running"


@case(MAX_ARRAY="0")
def s12_arrays_are_off(site: Site) -> str:
    assert "this cluster takes none" in doctor(site)
    site.ablate(timeout=200)
    assert finished(site) == 4
    return "plain jobs"


@case(MAX_ARRAY="1", epochs=40)
def s13_one_job_an_array(site: Site) -> str:
    most = 0
    follower = site.start("ablate", "--on", "slurm", "launch.array_parallelism=2")
    while follower.poll() is None:
        most = max(most, sum(row[1] == "RUNNING" for row in site.jobs()))
        time.sleep(0.3)
    assert finished(site) == 4
    assert most <= 2, most
    return f"at most {most} ran at once"


@case(seeds=3, CONF="MaxJobCount=6", MIN_JOB_AGE="5")
def s14_a_controller_without_room(site: Site) -> str:
    began = time.monotonic()
    site.ablate(timeout=280)
    assert finished(site) == 12
    return f"12 of 12 in {time.monotonic() - began:.0f} s"


@case()
def s15_a_controller_that_is_down(site: Site) -> str:
    cluster("kill", "ctld")
    said = site.ablate("--detach", status=1, timeout=280)
    assert said.count("not submitted: ") == 4 or "SLURM takes no job" in said, said
    cluster("revive", "ctld")
    wait_until(lambda: "idle" in slurm("sinfo"), "the controller")
    site.ablate(timeout=250)
    assert finished(site) == 4
    return "exit 1, all named; the same command finished them"


@case(CONF="PartitionName=short Nodes=ALL MaxTime=1 State=UP")
def s17_a_job_that_can_never_start(site: Site) -> str:
    said = site.ablate("launch.partition=short", status=3, timeout=200)
    assert "it will never start" in said, said
    assert "launch.time_min" in said, said
    site.cancel()
    return "said, with what to change; the follower left"


@case()
def s18_doctor_on_a_partition_that_is_down(site: Site) -> str:
    slurm("scontrol", "update", "PartitionName=main", "State=DOWN")
    said = doctor(site)
    assert "it is down and starts no job" in said, said
    return "said"


def doctor(site: Site) -> str:
    """What `an-cli doctor` prints."""
    command = [sys.executable, "-P", "-m", "an_cli", "doctor"]
    done = subprocess.run(command, cwd=site.root, env=site.environment, capture_output=True, text=True, check=False)
    return " ".join((done.stdout + done.stderr).split())


@case()
def s19_a_prolog_that_fails(site: Site) -> str:
    slurm("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
    site.ablate("--detach", "launch.sbatch=[hold]")
    said = site.ablate(status=3, timeout=120)
    assert said.count("release it with") >= 4, said
    site.cancel()
    return "the follower said who waits for whom, and left with exit 3"


def main() -> int:
    """Try the cases; 0 when all are survived."""
    asked = [name for name in CASES if not sys.argv[1:] or any(name.startswith(f"{word}_") for word in sys.argv[1:])]
    survived = 0
    for name in asked:
        one = CASES[name]
        with tempfile.TemporaryDirectory(prefix="an-case-", dir="/var/tmp") as folder:
            root = Path(folder) / "s"
            root.mkdir()
            try:
                with configured(one.settings):
                    said: Any = one.run(Site(root, epochs=one.epochs, seeds=range(one.seeds)))
            except Exception as error:
                traceback.print_exc()
                print(f"FAILED    {name}: {' '.join(str(error).split())[:300]}", flush=True)
                continue
        survived += 1
        print(f"survived  {name}: {said}", flush=True)
    print(f"{survived} of {len(asked)} survived")
    return 0 if survived == len(asked) else 1


if __name__ == "__main__":
    sys.exit(main())
