"""Runs put away, brought back and removed: nothing without --yes, nothing without being named."""

from __future__ import annotations

import json
from pathlib import Path

from an_cli.store import Store, take
from tests.cli.conftest import BASE, Call


def labels(call: Call) -> list[str]:
    return [cell["label"] for cell in call("status", "--json").json["cells"]]


ALL = ["tiny/baseline", "tiny/gate=softmax", "tiny/squeeze=mean"]


def test_archived_runs_leave_status_and_tables_and_come_back_under_their_labels(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    before = call("report", "tiny", "--json").out
    seen = call("archive", "tiny/gate=softmax")
    assert "would be archived" in seen.out
    assert "cited by reports/build/tiny.json" in " ".join(seen.out.split())
    assert labels(call) == ALL
    assert call("archive", "tiny/gate=softmax", "--yes").status == 0
    assert labels(call) == [ALL[0], ALL[2]]
    (away,) = call("archive", "--json").json["runs"]
    assert away["labels"] == ["tiny/gate=softmax"]
    assert "1 are archived and would be run anew" in call("ablate", "tiny", "--dry-run").err
    assert call("archive", "--back", "tiny", "--yes").status == 0
    assert labels(call) == ALL
    assert call("report", "tiny", "--json").out == before
    assert call("archive").out == "nothing archived\n"


def test_a_study_leaves_what_another_study_has_too(call: Call, folder: Path) -> None:
    rows = [{"label": "mine", "baseline": True}]
    (folder / "sweeps" / "other.yaml").write_text(json.dumps({"base": BASE, "rows": rows}))
    call("ablate", "tiny")
    call("ablate", "other")
    ended = call("rm", "tiny", "--yes")
    assert ended.status == 3
    assert "stays: also in other" in ended.out
    assert call("status", "other", "--json").json["cells"][0]["status"] == "finished"
    assert len(Store(folder).run_ids()) == 1
    assert call("rm", "other/baseline", "--yes").status == 0, "a run that is named itself goes"
    assert Store(folder).run_ids() == []
    assert not list((folder / "studies").iterdir())


def test_failed_trials_are_cleaned_up_and_nothing_else(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run_id = call("plan", "tiny", "recipe.epochs=2", "--no-costs", "--json").json["cells"][0]["id"]
    (folder / "runs" / run_id).mkdir(parents=True)
    (folder / "runs" / run_id / "script.json").write_text('["fail"]')
    assert call("run", *BASE, "recipe.epochs=2", "--name", "trial").status == 1
    assert run_id in call("rm", "--failed").out
    assert run_id in Store(folder).run_ids()
    assert call("rm", "--failed", "--yes").status == 0
    assert labels(call) == ALL
    assert call("tag").out == "", "what was said of it goes with it"


def test_a_run_that_goes_stays_and_wrong_words_are_named(call: Call, folder: Path) -> None:
    call("ablate", "tiny")
    run = Store(folder).run(call("show", "tiny/baseline", "--json").json["id"])
    run.result.unlink()
    claim = take(run)
    assert claim is not None
    ended = call("archive", "tiny", "--yes")
    assert ended.status == 3
    assert "stays: running" in ended.out
    assert labels(call) == ["tiny/baseline"]
    assert "did you mean tiny/baseline?" in call("rm", "tiny/baselin", "--yes").err
    assert "no archived run 'demo'" in call("archive", "--back", "demo").err
    assert call("rm", "--yes").status == 2
    assert call("rm", "--archived", "tiny/squeeze=mean", "--yes").status == 0
    assert [one["labels"] for one in call("archive", "--json").json["runs"]] == [["tiny/gate=softmax"]]
