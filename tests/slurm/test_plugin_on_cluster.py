"""A norm of the user's, installed in editable mode, on a real cluster: jobs run it as it was when submitted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.files import dump_yaml, read_yaml
from an_cli.store import read_result
from tests.slurm.harness import ROOT, Site, assert_same_bits, slurm, wait_until

NORM = """
import an_test_scale
from torch import nn

def make(channels, *, slot, stage):
    made = nn.BatchNorm2d(channels)
    nn.init.constant_(made.weight, an_test_scale.GAMMA)
    return made
"""


def install(sources: Path, site: Path) -> None:
    """What `pip install -e` leaves: sources where they are, a folder of metadata among Python's packages."""
    sources.mkdir()
    (sources / "an_test_norm.py").write_text(NORM)
    (sources / "an_test_scale.py").write_text("GAMMA = 0.5\n")
    about = site / "an_test_norm-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: an-test-norm\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[an_cli.norms]\nhalf = an_test_norm:make\n")


def use(site: Site) -> None:
    """The site's study, with the user's norm."""
    study = site.root / "sweeps" / "tiny.yaml"
    value = read_yaml(study)
    base = [word for word in value["base"] if not word.startswith("norm.")]
    study.write_text(dump_yaml({**value, "base": [*base, "norm=half"]}))
    (site.root / "conf" / "norm").mkdir(parents=True)
    (site.root / "conf" / "norm" / "half.yaml").write_text("standardize: plugin\nentry_point: half\nparameters: {}\n")


@pytest.mark.parametrize("fate", ["edited", "deleted"])
def test_jobs_run_a_plug_in_as_it_was_when_they_were_submitted(
    make_site: Callable[..., Site], tmp_path: Path, fate: str
) -> None:
    sources, installed = tmp_path / "sources", tmp_path / "installed"
    install(sources, installed)
    here, there = make_site("here", rows=[("half",)]), make_site("there", rows=[("half",)])
    use(here)
    use(there)
    path = {"PYTHONPATH": f"{ROOT}:{installed}:{sources}"}
    here.call("ablate", **path)
    there.ablate("--detach", 'launch.sbatch=["hold"]', **path)
    if fate == "edited":
        (sources / "an_test_scale.py").write_text("GAMMA = 2.0\n")
        (sources / "an_test_norm.py").write_text("raise SystemExit('edited after it was submitted')\n")
    else:
        shutil.rmtree(sources)
        shutil.rmtree(installed)
    slurm("scontrol", "release", there.live_jobs()[0][0].partition("_")[0])
    [run], [other] = ([site.store.run(one) for one in site.store.run_ids()] for site in (there, here))
    wait_until(run.result.exists, "the run to finish")
    assert_same_bits(run, other)
    assert read_result(run).plugins == read_result(other).plugins
