"""The job's script: what was asked for is in it, and data are copied to a node once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from an_cli.config import Composer
from an_cli.errors import ConfigError
from an_cli.launch.slurm.intent import new_intent
from an_cli.launch.slurm.script import make_script, stage
from an_cli.store import Store
from tests.slurm.presence import has_cluster

OPTIONS = [
    "partition=gpu",
    "qos=high",
    "constraint=a100",
    "mem=16G",
    "array=0-4%2",
    "reservation=paper",
    "wckey=w",
    "exclusive",
    "gpus-per-node=1",
    "requeue",
    "dependency=afterok:1_2",
    "exclude=n7",
    "signal=B:USR2@120",
]


@pytest.mark.skipif(not has_cluster(), reason="submitit's executor wants srun")
def test_what_launch_asks_for_is_asked_of_sbatch(tmp_path: Path, composer: Composer) -> None:
    words = ["launch=slurm", "launch.partition=gpu", "launch.qos=high", "launch.constraint=a100", "launch.mem=16G"]
    more = [
        'launch.sbatch=["reservation=paper",exclusive]',
        "launch.command_prefix=apptainer exec --nv a.sif",
        "launch.wckey=w",
    ]
    launch = composer.compose([*words, *more]).launch
    intent = new_intent(Store(tmp_path / "a store"))
    text = make_script(
        intent, launch, name="n", elements=5, at_once=2, threads=3, code=Path("/c"), commit=None,
        dependency="afterok:1_2", exclude=["n7"],
    )  # fmt: skip
    for option in OPTIONS:
        assert f"#SBATCH --{option}\n" in text
    assert "exec apptainer exec --nv a.sif " in text
    assert "export OMP_NUM_THREADS=3\n" in text
    assert "wckey" not in make_script(
        intent, replace(launch, wckey=None), name="n", elements=1, at_once=1, threads=1, code=Path("/c"), commit=None
    )  # fmt: skip


@pytest.mark.skipif(not has_cluster(), reason="submitit's executor wants srun")
def test_a_job_of_two_nodes_calls_srun_outside_the_container(tmp_path: Path, composer: Composer) -> None:
    words = ["launch=slurm", "launch.nodes=2", "launch.ranks=4", "launch.command_prefix=apptainer exec a.sif"]
    launch = composer.compose(words).launch
    intent = new_intent(Store(tmp_path))
    text = make_script(intent, launch, name="n", elements=1, at_once=1, threads=1, code=Path("/c"), commit=None)
    assert "#SBATCH --nodes=2\n" in text
    assert "#SBATCH --ntasks-per-node=1\n" in text
    assert "export AN_CLI_PREFIX='apptainer exec a.sif'\n" in text
    assert f"exec {sys.executable} " in text


@pytest.mark.parametrize(
    ("words", "where"),
    [(["launch.ranks=3"], "launch.ranks"), (["launch.ranks=2", "launch.stage_to=/tmp"], "launch.stage_to")],
)
def test_what_two_nodes_cannot_do_is_refused(words: list[str], where: str, composer: Composer) -> None:
    with pytest.raises(ConfigError, match=where):
        composer.compose(["launch=slurm", "launch.nodes=2", *words])


def run_script(script: str, node: Path) -> str:
    environment = {"NODE": str(node), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_data_are_copied_to_a_node_once_and_whole(tmp_path: Path, composer: Composer) -> None:
    source, node = tmp_path / "data" / "im ages", tmp_path / "node"
    source.mkdir(parents=True)
    (source / "one").write_text("1")
    launch = replace(composer.compose(["launch=slurm"]).launch, data_root=str(tmp_path / "data"), stage_to="$NODE")
    script = "\n".join([*stage(launch, ["im ages"]), 'echo "staged=$AN_CLI_STAGED"'])
    for _ in range(2):
        assert run_script(script, node) == f"staged={node}/an-cli-data\n"
        assert (node / "an-cli-data" / "im ages" / "one").read_text() == "1"
        (source / "one").write_text("2")
    (node / "an-cli-data" / "im ages.whole").unlink()
    (source / "one").unlink()
    source.rmdir()
    assert "reading shared data\nstaged=\n" in run_script(script, node)


def test_nothing_is_copied_where_nothing_is_asked(composer: Composer) -> None:
    assert stage(composer.compose(["launch=slurm"]).launch, ["imagenet"]) == []
