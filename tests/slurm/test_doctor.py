"""What doctor finds, on a cluster that is described to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.launch.slurm import limits
from an_cli.launch.slurm.scheduler import CommandResult
from an_cli.launch.upkeep.checks import checks, site_text
from an_cli.store import Store
from an_cli.store import checks as store_checks

CONFIG = """ClusterName             = big
SLURM_VERSION           = 23.11.4
MaxArraySize            = 2001
AccountingStorageType   = accounting_storage/slurmdbd
JobRequeue              = 0
KillWait                = 30 sec
PreemptMode             = CANCEL
SrunProlog              =
"""


def cluster(*words: str) -> CommandResult:
    match words[0]:
        case "scontrol":
            return CommandResult(0, CONFIG)
        case "sinfo" if words[-1].count("|") == 6:
            return CommandResult(
                0,
                "gpu*|up|2-00:00:00|10|gpu:a100:4|mixed|none\ngpu*|up|2-00:00:00|2|gpu:a100:4|drained*|bad fan\n"
                "old|down|1:00|1|(null)|idle|none\nrest|up|1:00|1|(null)|down*|Not responding\n",
            )
        case "sinfo":
            return CommandResult(0, "gpu*|2-00:00:00|gpu:a100:4\nold|1:00|(null)\n")
        case "sacctmgr":
            return CommandResult(0, "vision\n")
    return CommandResult(1, "", "Slurm accounting storage is disabled")


def test_each_finding_says_what_to_do() -> None:
    found = {check.name: check for check in checks(cluster)}
    assert found["requeue"].well is False
    assert "same command again" in found["requeue"].now
    assert found["accounting"].well is None
    assert "works without it" in found["accounting"].now
    assert "2001" in found["arrays"].found
    assert "mode CANCEL; 30 s" in found["preemption"].found
    assert "without (preempt_send_user_signal is not set) a warning" in found["preemption"].found
    assert found["partition gpu*"].well is None
    assert "12 nodes" in found["partition gpu*"].found
    assert "2 of them start nothing (drained*: bad fan)" in found["partition gpu*"].found
    assert (found["partition old"].well, found["partition rest"].well) == (False, False)
    assert "it is down and starts no job" in found["partition old"].found
    assert "Not responding" in found["partition rest"].found


def test_a_cluster_that_warns_of_preemption_is_known_by_its_own_word() -> None:
    told = f"{CONFIG}SlurmctldParameters     = idle_on_node_suspend,preempt_send_user_signal\n"
    assert limits.read_config(told).preempt_warns
    assert not limits.read_config(CONFIG).preempt_warns


def test_a_cluster_without_an_answer_is_amiss() -> None:
    found = {check.name: check for check in checks(lambda *words: CommandResult(124, ""))}
    assert found["SLURM"].well is False
    assert found["SLURM"].found == "no answer in time"


def test_an_environment_that_is_older_than_the_code_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["pyyaml>=6", "an-cli-of-tomorrow[fast]>=2", 'colorama; sys_platform == "win32"']
    monkeypatch.setattr("an_cli.launch.upkeep.checks.metadata.requires", lambda name: required)
    found = {check.name: check for check in checks(cluster)}["environment"]
    assert found.well is False
    assert found.found.endswith("not installed: an-cli-of-tomorrow")
    assert "uv sync" in found.now


def test_a_python_that_only_this_node_sees_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/tmp/venv/bin/python")
    found = {check.name: check for check in checks(cluster)}["environment"]
    assert found.well is None
    assert "shared disk" in found.now


def test_the_site_has_the_clusters_own_names() -> None:
    text = site_text(cluster)
    assert "partition: gpu  # limit 2-00:00:00\n" in text
    assert "gpus_per_node: 1\n" in text
    assert "account: vision\n" in text


def test_the_disk_of_a_store_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    found = {check.name: check.well for check in store_checks.checks(Store(tmp_path))}
    assert found["one of many can take a file"] is True
    assert found["clock of the file server"] is True
    assert list(tmp_path.iterdir()) == []
