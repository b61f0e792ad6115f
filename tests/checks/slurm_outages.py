"""Clusters that lack something or lose it midway: nothing lost, nothing run twice, `status` truthful throughout.

    python -m tests.checks.slurm_outages [KIND ...]

Restarts the cluster of tests/slurm/cluster.sh as each kind needs it: without accounting; slurmdbd killed midway;
slurmctld killed and restarted midway; MaxArraySize 6 with 20 cells; pretended GPUs. Prints a JSON object per kind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.slurm.harness import (
    SCRIPT,
    Site,
    assert_one_writer,
    assert_same_bits,
    attempts_of,
    cluster,
    slurm,
    wait_until,
)

LIVE = ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED")
NOT_OF_THE_LIVING = ("failed", "interrupted", "missing", "waiting")


def restart(**settings: str) -> None:
    """The cluster anew, with settings of cluster.sh."""
    cluster("stop")
    state = Path(os.environ.get("AN_TEST_CLUSTER", "/var/lib/an-cli-test-cluster"))
    subprocess.run(["rm", "-rf", str(state / "ctld"), str(state / "spool")], check=True)
    subprocess.run(["bash", str(SCRIPT), "start"], check=True, env={**os.environ, **settings}, timeout=180)


def truth(site: Site) -> list[str]:
    """Where `status` contradicts the queue and the disk."""
    before = {run.id: run.result.exists() for run in site.runs()}
    try:
        live = {row[0] for row in site.jobs() if row[1] in LIVE}
    except subprocess.SubprocessError:
        live = set()
    wrong = []
    for label, cell in site.status().items():
        if (
            cell["job"] in live
            and cell["status"] in NOT_OF_THE_LIVING
            and not site.store.run(cell["id"]).result.exists()
        ):
            wrong.append(f"{label}: {cell['status']} while {cell['job']} lives")
        if before[cell["id"]] and cell["status"] != "finished":
            wrong.append(f"{label}: {cell['status']} though finished")
    return wrong


def nothing(site: Site) -> None:
    pass


def lose_dbd(site: Site) -> None:
    cluster("kill", "dbd")


def lose_ctld(site: Site) -> None:
    cluster("kill", "ctld")
    time.sleep(4)  # after 10 s it would take its nodes for lost when it is back, and requeue their jobs
    said = {cell["status"] for cell in site.status().values()}
    assert not said & set(NOT_OF_THE_LIVING), f"while slurmctld is away: {said}"
    cluster("revive", "ctld")


KINDS: dict[str, tuple[dict[str, str], Callable[[Site], None], tuple[str, ...], int]] = {
    "no_accounting": ({"AN_TEST_ACCOUNTS": "0"}, nothing, (), 1),
    "slurmdbd_killed": ({}, lose_dbd, (), 1),
    "slurmctld_restarted": ({}, lose_ctld, (), 1),
    "max_array_6": ({"AN_TEST_MAX_ARRAY": "6"}, nothing, (), 5),
    "gpus": ({}, nothing, ("launch.gpus_per_node=1",), 1),
}


def check(kind: str, root: Path, reference: Site) -> dict[str, object]:
    """One study on one kind of cluster."""
    settings, hurt, words, seeds = KINDS[kind]
    restart(**settings)
    site = Site(root / kind, epochs=40, seeds=range(seeds))
    begun = time.monotonic()
    following = site.start("ablate", "--on", "slurm", *words)
    wait_until(lambda: any(run.metrics.exists() for run in site.runs()), "the first metrics")
    hurt(site)
    wrong, looks = [], 0
    while following.poll() is None:
        wrong += truth(site)
        looks += 1
        time.sleep(2)
    out, err = following.communicate()
    assert following.returncode == 0, out + err
    seconds = round(time.monotonic() - begun, 1)
    for run in site.runs():
        assert_one_writer(run)
        assert len(attempts_of(run)) == 1, f"{run.id} was started {len(attempts_of(run))} times"
    for run in reference.runs():
        assert_same_bits(site.store.run(run.id), run)
    arrays = {row[0].partition("_")[0] for row in site.jobs()}
    gpus = slurm("scontrol", "show", "job", next(iter(arrays))).count("gres") if words else None
    return {
        "kind": kind,
        "cells": len(site.runs()),
        "jobs": len(site.jobs()),
        "arrays": len(list(site.store.jobs.iterdir())),
        "status_looks": looks,
        "status_wrong": wrong,
        "gres_asked": gpus,
        "seconds": seconds,
    }


def main(kinds: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="an-cli-slurm-") as folder:
        reference = Site(Path(folder) / "here", epochs=40)
        reference.call("ablate")
        for kind in kinds or KINDS:
            print(json.dumps(check(kind, Path(folder), reference)), flush=True)
    restart()


if __name__ == "__main__":
    main(sys.argv[1:])
