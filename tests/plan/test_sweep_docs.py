"""docs/sweep.md: its study reads and fits, and its tables name the keys that there are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import yaml

from an_cli.config import Composer
from an_cli.plan.candidates import Candidates
from an_cli.plan.search import PrunerName, SamplerName, Search
from an_cli.plan.space import CategoricalParameter, FloatParameter, IntParameter
from an_cli.plan.study import study_of

PAGE = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text(encoding="utf-8")


def _keys(head: str) -> set[str]:
    table = PAGE.partition(f"| {head} |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_the_study_of_the_page_fits() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    made = Candidates(study_of("lr_and_k", yaml.safe_load(text), Path("lr_and_k.yaml")), Composer())
    made.check()
    assert len(made.start_points()) == 1


def test_the_tables_name_every_key_and_word() -> None:
    assert _keys("key") == {field.name for field in dataclasses.fields(Search)}
    shapes = (CategoricalParameter, IntParameter, FloatParameter)
    assert _keys("key of a parameter") == {field.name for shape in shapes for field in dataclasses.fields(shape)}
    for word in (*SamplerName, *PrunerName):
        assert f"`{word}`" in PAGE
