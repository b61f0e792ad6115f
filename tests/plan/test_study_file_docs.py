"""docs/study-file.md: its files are read, its keys are those that the readers have."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from an_cli.plan import Row, load_study, make_plan
from an_cli.plan.study import StudyFile
from an_cli.report import Quantity, Spec, load_spec
from an_cli.report.spec import MEASURES
from an_cli.store import CLASSIFICATION, DETECTION

PAGE = (Path(__file__).parents[2] / "docs" / "study-file.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```yaml\n# ((?:sweeps|reports)/\w+\.yaml)\n(.*?)```", PAGE, re.DOTALL))
STUDIES = {"gates": (3, 9), "rates": (4, 8), "gates_short": (3, 3), "networks": (5, 4), "beside": (3, 2)}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("desk")
def test_every_study_of_the_page_makes_a_plan_and_every_report_file_reads() -> None:
    plans = {name: make_plan(load_study(name)) for name in STUDIES}
    assert {name: (len(plan.rows), len(plan.cells)) for name, plan in plans.items()} == STUDIES
    assert {f"sweeps/{name}.yaml" for name in STUDIES} | {"reports/gates.yaml"} == set(FILES)
    assert load_spec(plans["gates"]).waive == ("device",)
    assert load_spec(plans["gates_short"]) == load_spec(plans["gates"]), "a study takes its parent's report file"


def keys(heading: str) -> set[str]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    ("heading", "shape"), [("Keys of a study", StudyFile), ("Keys of a row", Row), ("The report file", Spec)]
)
def test_the_keys_of_the_page_are_those_of_the_reader(heading: str, shape: type) -> None:
    assert keys(heading) == {field.name for field in dataclasses.fields(shape)}


def test_the_columns_of_the_page_are_those_that_a_table_has() -> None:
    measured = {one.key for task in (CLASSIFICATION, DETECTION) for one in task.all}
    measured |= {one.measure.key for one in CLASSIFICATION.complements}
    assert {key for key in keys("Columns") if "." not in key} == {*Quantity, MEASURES} | measured
