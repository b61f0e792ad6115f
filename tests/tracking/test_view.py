"""`sync STUDY --report`: what W&B is told to show of a study, through the real client library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from an_cli.tracking.view import ViewRow, separating_keys
from tests.report.by_hand import result_json
from tests.tiny import TINY
from tests.tracking.conftest import Sdk
from tests.tracking.kept import KeptView
from tests.tracking.wandb_service import Service

PYTHONPATH = {"PYTHONPATH": str(Path(__file__).parents[2])}
BASE = [word for word in TINY if not word.startswith("launch.")]
ROWS: list[dict[str, Any]] = [
    {"label": "hsigmoid", "baseline": True, "group": "gates"},
    {"label": "softmax", "set": ["norm.attention.gate=softmax"], "group": "gates"},
    {"label": "mean", "baseline": True, "set": ["norm.attention.squeeze=mean"], "group": "squeezes"},
]
# A store in which every cell of the study has finished, written by hand; then the command line.
PROGRAM = """
    import json, sys
    from pathlib import Path
    from an_cli.cli.__main__ import main
    from an_cli.plan import load_study, make_plan
    from an_cli.store import Store
    store = Store(Path.cwd())
    for cell in make_plan(load_study("mine")).cells:
        run = store.prepare(cell.config, cell.choices)
        run.result.write_text(sys.argv[1])
        store.link("mine", cell.label, run)
    raise SystemExit(main(sys.argv[2:]))
    """


def row(group: str = "", **config: object) -> ViewRow:
    return ViewRow(label="a row", group=group, baseline=False, config=config)


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        ([row(gate="a", k=1), row(gate="b", k=1)], ("gate",)),
        ([row(gate="a", k=1), row(gate="b", k=1), row(gate="a", k=2)], ("gate", "k")),
        ([row(gate="a", k=1), row(gate="b", k=2), row(gate="c", k=2)], ("gate",)),
        ([row(attention=None), row(gate="a"), row(gate="b")], ("gate",)),
        ([row(k=[1, 2]), row(k=[2, 2])], ("k",)),
        ([row(k=1)], ()),
        ([row(k=1), row(k=1)], ()),
    ],
)
def test_the_fewest_keys_tell_rows_apart(rows: list[ViewRow], keys: tuple[str, ...]) -> None:
    assert separating_keys(rows) == keys


def sync(sdk: Sdk, *words: str, **environment: str) -> Any:
    (sdk.home / "sweeps").mkdir(exist_ok=True)
    content = {"title": "Gates and squeezes", "base": BASE, "rows": ROWS, "seeds": [0, 1]}
    (sdk.home / "sweeps" / "mine.yaml").write_text(json.dumps(content))
    command = ["sync", *words, "launch.wandb.project=p", "--report"]
    return sdk.run(PROGRAM, json.dumps(result_json(40.0)), *command, environment={**PYTHONPATH, **environment})


def grids(view: KeptView) -> list[Mapping[str, Any]]:
    return [block["metadata"] for block in view.spec["blocks"] if block["type"] == "panel-grid"]


def test_a_report_groups_runs_and_curves_as_the_dashboard_does(service: Service, sdk: Sdk) -> None:
    service.kept.projects.add(("lab", "p"))
    done = sync(sdk, "mine")
    assert done.returncode == 0, done.stderr
    (view,) = service.kept.views.values()
    assert (view.entity, view.project, view.type, view.display_name) == ("lab", "p", "runs", "Gates and squeezes")
    assert f"report: {service.url}/lab/p/reports/" in done.stdout

    blocks = view.spec["blocks"]
    headings = [block["children"][0]["text"] for block in blocks if block["type"] == "heading"]
    assert headings == ["gates", "squeezes"]
    (table,) = [block["content"] for block in blocks if block["type"] == "markdown-block"]
    assert "| hsigmoid" in table
    assert "40.00 ± 0.00" in table

    first, second = grids(view)
    (runs,) = first["runSets"]
    assert runs["filters"]["filters"] == [
        {"key": {"section": "run", "name": "group"}, "op": "=", "value": "mine/gates", "disabled": False}
    ]
    assert runs["grouping"] == [{"section": "config", "name": "norm.value.attention.gate"}]
    assert runs["sort"]["keys"][0] == {
        "key": {"section": "summary", "name": "last/top1_error_pct"},
        "ascending": True,
    }
    assert second["runSets"][0]["grouping"] == [{"section": "run", "name": "group"}], "a row alone: its seeds"
    charts = {panel["config"]["chartTitle"]: panel["config"] for panel in first["panelBankSectionConfig"]["panels"]}
    assert charts["top-1 error (%), last epoch"]["metrics"] == ["summary_metrics.last/top1_error_pct"]
    curve = charts["top-1 error (%)"]
    assert (curve["xAxis"], curve["metrics"], curve["groupArea"]) == ("epoch", ["eval/top1_error_pct"], "minmax")
    assert charts["training loss"]["metrics"] == ["train/epoch_loss"]
    assert not {name for name in service.missing if "upsertView" in name}


def test_it_is_saved_over_the_one_before_and_anew_where_that_was_deleted(service: Service, sdk: Sdk) -> None:
    service.kept.projects.add(("lab", "p"))
    first = sync(sdk, "mine")
    again = sync(sdk, "mine", "--json")
    assert len(service.kept.views) == 1
    assert json.loads(again.stdout)["report"] in first.stdout
    service.kept.views.clear()
    assert sync(sdk, "mine").returncode == 0
    assert len(service.kept.views) == 1


@pytest.mark.parametrize(
    ("words", "environment", "problem"),
    [
        ((), {}, "0 names stand there (--report) -> name one study"),
        (("mine", "launch.wandb.mode=offline"), {}, "only W&B online keeps a report"),
        (("mine",), {}, "W&B: Run set 'gates' project 'lab/p' not found"),
        (("mine",), {"WANDB_API_KEY": "f" * 40}, "W&B refuses the key"),
    ],
)
def test_mistakes_are_one_clear_line(
    sdk: Sdk, words: tuple[str, ...], environment: dict[str, str], problem: str
) -> None:
    done = sync(sdk, *words, **environment)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"an-cli: {problem}")


def test_without_the_extra_its_name_is_said(sdk: Sdk) -> None:
    blocked = "import sys\nsys.modules['wandb_workspaces'] = None\n"
    (sdk.home / "sitecustomize.py").write_text(blocked)
    path = f"{sdk.home}:{PYTHONPATH['PYTHONPATH']}"
    done = sync(sdk, "mine", PYTHONPATH=path)
    assert done.returncode == 1
    assert "pip install 'an-cli[wandb-report]'" in done.stderr
