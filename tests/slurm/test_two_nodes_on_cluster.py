"""One cell on two nodes: two ranks that meet over the network, one step, one writer."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from an_cli.store import RunFolder
from tests.slurm.harness import Site, assert_one_writer, assert_same_bits, attempts_of, epochs_of, slurm, wait_until
from tests.slurm.processes import ranks_of

TWO = ("launch.nodes=2", "launch.ranks=2")
EPOCHS = 80
ROW = [("rsd", "recipe.replicas=2")]
MakeSite = Callable[..., Site]


@pytest.fixture(scope="module")
def reference(on_cluster: None, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same cell in two ranks on this machine, never interrupted."""
    here = Site(tmp_path_factory.mktemp("two") / "here", epochs=EPOCHS, rows=ROW)
    here.call("ablate", "launch.ranks=2")
    return here.runs()[0]


def test_two_nodes_train_one_cell_to_the_bits_of_two_ranks_on_one_machine(
    make_site: MakeSite, reference: RunFolder
) -> None:
    site = make_site("there", epochs=EPOCHS, rows=ROW)
    site.ablate(*TWO)
    [run] = site.runs()
    [job] = {row[0].partition("_")[0] for row in site.jobs()}
    assert "NumNodes=2" in slurm("scontrol", "show", "job", job)
    assert_same_bits(run, reference)
    assert len(attempts_of(run)) == 1


def test_two_nodes_that_are_told_to_stop_save_once_and_go_on(make_site: MakeSite, reference: RunFolder) -> None:
    site = make_site("there", epochs=EPOCHS, rows=ROW)
    following = site.start("ablate", "--on", "slurm", *TWO)
    [run] = site.runs()
    wait_until(lambda: epochs_of(run) >= 3, "three epochs")
    slurm("scontrol", "requeue", site.live_jobs()[0][0])
    out, err = following.communicate(timeout=300)
    assert following.returncode == 0, out + err
    assert_one_writer(run)
    assert_same_bits(run, reference)
    first, second = attempts_of(run)
    assert first["resumed_step"] == 0
    assert second["resumed_step"] > 0
    assert "the same command continues" in run.log.read_text(), "it was to save because it was told to"


def test_a_rank_that_dies_ends_the_step_on_both_nodes_and_the_run_goes_on(
    make_site: MakeSite, reference: RunFolder
) -> None:
    site = make_site("there", epochs=EPOCHS, rows=ROW)
    following = site.start("ablate", "--on", "slurm", *TWO)
    [run] = site.runs()
    wait_until(lambda: epochs_of(run) >= 3, "three epochs")
    ranks = ranks_of(run)
    assert set(ranks) == {0, 1}
    os.kill(ranks[1], signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{ranks[0]}"), "the other rank to end", 60)
    out, err = following.communicate(timeout=300)
    assert following.returncode == 0, out + err
    assert_one_writer(run)
    assert len(attempts_of(run)) == 2
    assert_same_bits(run, reference)
