"""A tiny study on a real cluster: the same bits as here, once each, from frozen code, without a secret on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.files import read_json
from an_cli.store import read_result
from tests.slurm.harness import ROOT, Site, assert_same_bits, attempts_of, slurm, wait_until

CANARY = "c4nary-51d0e7c2b9f34a68"
MakeSite = Callable[..., Site]


def release(site: Site) -> None:
    for job in {row[0].partition("_")[0] for row in site.live_jobs()}:
        slurm("scontrol", "release", job)


def finish(site: Site) -> None:
    wait_until(lambda: all(run.result.exists() for run in site.runs()), "all runs to finish")


def test_a_study_on_two_nodes_gives_the_table_and_the_bits_of_a_local_one(make_site: MakeSite) -> None:
    here, there = make_site("here"), make_site("there")
    here.call("ablate")
    said = there.ablate()
    assert "submitted 4 cells in 1 calls of sbatch" in said
    for run, other in zip(there.runs(), here.runs(), strict=True):
        assert_same_bits(run, other)
    table = Path("reports/build/tiny.md")
    assert (there.root / table).read_text() == (here.root / table).read_text()
    assert len({row[2] for row in there.jobs()}) == 2, "both nodes were to take part"
    again = there.ablate()
    assert "4 finished" in again
    assert "submitted" not in again
    assert "4 as they were, 0 not" in there.call("verify")


def test_packed_cells_share_a_job_and_fail_alone(make_site: MakeSite) -> None:
    site = make_site(rows=[("rsd",), ("diverges", "recipe.lr=1.0e+30"), ("softmax", "norm.attention.gate=softmax")])
    said = site.ablate("launch.pack=3", "launch.cpus_per_task=2", status=3)
    assert len({row[0] for row in site.jobs()}) == 2, "one job, and one more try of the cell that fails"
    good, bad, other = site.runs()
    assert good.result.exists()
    assert other.result.exists()
    assert "loss is" in bad.error.read_text()
    assert "failed 2 times in the same way" in said
    before = len(site.jobs())
    assert "left alone: 1" in site.ablate(status=3)
    assert len(site.jobs()) == before, "a quarantined cell is not submitted"
    site.call("retry", "--on", "slurm", status=3)
    assert len(site.jobs()) > before, "retry gives it another budget"


def test_a_held_job_is_named_with_what_releases_it_and_nothing_is_submitted_twice(make_site: MakeSite) -> None:
    site = make_site()
    site.ablate("--detach", 'launch.sbatch=["hold"]')
    cells = site.status().values()
    assert {cell["status"] for cell in cells} == {"held"}
    for cell in cells:
        assert f"scontrol release {cell['job']}" in cell["reason"]
    assert "4 held" in site.ablate("--detach")
    crowd = [site.start("ablate", "--on", "slurm", "--detach") for _ in range(3)]
    assert [process.wait(120) for process in crowd] == [0, 0, 0]
    for process in crowd:
        process.communicate()
    assert len(site.live_jobs()) == 4


def test_jobs_run_the_code_and_the_study_as_they_were_when_submitted(make_site: MakeSite, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for name in ("an_cli", "conf", "sweeps", "reports"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    site = make_site(rows=[("rsd",), ("softmax", "norm.attention.gate=softmax")])
    runs = site.runs()
    process = site.start("ablate", "--on", "slurm", "--detach", 'launch.sbatch=["hold"]', code=code)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    (code / "an_cli" / "train" / "loop.py").write_text("raise SystemExit('edited after it was submitted')\n")
    (code / "an_cli" / "models" / "resnet.py").rename(code / "an_cli" / "models" / "renamed.py")
    shutil.rmtree(code / "an_cli" / "norm")
    shutil.rmtree(code / "conf")
    (site.root / "sweeps" / "tiny.yaml").unlink()
    release(site)
    wait_until(lambda: all(run.result.exists() for run in runs), "all runs to finish")
    [frozen] = site.store.code.iterdir()
    fresh = make_site("fresh", rows=[("rsd",), ("softmax", "norm.attention.gate=softmax")])
    fresh.call("ablate")
    for run, other in zip(runs, fresh.runs(), strict=True):
        assert_same_bits(run, other)
        assert read_result(run).code_tree == read_result(other).code_tree
    file = frozen / "an_cli" / "train" / "schedule.py"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"e", b"a", 1))
    process = site.start("verify", "--store", str(site.root), code=ROOT)
    process.communicate()
    fresh.call("verify")
    assert process.returncode == 1


def test_no_secret_reaches_a_file(make_site: MakeSite) -> None:
    site = make_site(rows=[("rsd",), ("diverges", "recipe.lr=1.0e+30")])
    secrets = {
        "WANDB_API_KEY": CANARY,
        "MY_TOKEN": f"{CANARY}\nline-two-{CANARY}",
        "WANDB_BASE_URL": f"https://u:{CANARY}@w",
    }
    refused = site.ablate(f"launch.setup=['export WANDB_API_KEY={CANARY}']", status=1, **secrets)
    assert "holds a secret" in refused
    assert CANARY not in refused
    said = site.ablate("--dry-run", **secrets) + site.ablate(status=3, **secrets) + site.call("verify", **secrets)
    assert CANARY not in said
    holding = [path for path in site.root.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert holding == []


def test_an_array_is_cut_where_the_cluster_cuts_it(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(seeds=[0, 1])
    site.ablate("--detach", 'launch.sbatch=["hold"]')
    [folder] = site.store.jobs.iterdir()
    assert len((folder / "tasks").read_text().splitlines()) == 8
    assert read_json(folder / "intent.json")["study"] == "tiny"


def test_a_requeued_job_goes_on_where_it_was(make_site: MakeSite) -> None:
    site, here = make_site("there", epochs=60, rows=[("rsd",)]), make_site("here", epochs=60, rows=[("rsd",)])
    [run] = site.runs()
    following = site.start("ablate", "--on", "slurm")
    wait_until(lambda: run.metrics.exists(), "the first metrics")
    slurm("scontrol", "requeue", site.live_jobs()[0][0])
    here.call("ablate")
    out, err = following.communicate(timeout=200)
    assert following.returncode == 0, out + err
    [other] = here.runs()
    assert_same_bits(run, other)
    assert [attempt["resumed_step"] > 0 for attempt in attempts_of(run)] == [False, True]


def test_the_hook_of_a_study_runs_once_when_its_follower_sees_the_end(make_site: MakeSite) -> None:
    site = make_site(rows=[("rsd",)])
    hook = 'echo "$AN_CLI_STUDY $AN_CLI_STATE $AN_CLI_FINISHED" >> ended'
    site.ablate("--on-end", hook)
    assert (site.root / "ended").read_text() == "tiny finished 1\n"
    site.ablate("--on-end", hook)
    assert (site.root / "ended").read_text() == "tiny finished 1\n", "nothing was waited for"


def test_a_local_command_leaves_a_queued_cell_to_its_job(make_site: MakeSite) -> None:
    site = make_site(rows=[("rsd",), ("softmax", "norm.attention.gate=softmax")])
    site.ablate("--detach", "launch.sbatch=[--hold]")
    before = [read_json(run.job) for run in site.runs()]
    assert "2 held" in site.call("plan", "--no-costs")
    said = site.call("ablate", status=1)
    assert "left to SLURM (job" in said
    assert [read_json(run.job) for run in site.runs()] == before
    assert not any(run.result.exists() for run in site.runs())
    release(site)
    finish(site)
