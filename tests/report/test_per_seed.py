"""The long table: a line per row and seed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import an_cli
from an_cli.report.formats.per_seed import per_seed_csv
from an_cli.store import Store
from an_cli.store.remarks import remark, run_file, study_file
from tests.report.by_hand import plan, quoted, result_json, row, write_run


def test_a_line_per_row_and_seed_with_config_and_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    base, softmax = row("base", baseline=True), row("softmax", "norm.attention.gate=softmax", seeds=(0, 1))
    for one, top1 in zip(base[1], (10.0, 11.0, 12.0), strict=True):
        write_run(store, one, {"result.json": result_json(top1)})
    remark(run_file(store, base[1][0].id), add=["good", "paper"])
    text = per_seed_csv(plan(base, softmax, quoted("old", top1_error_pct=30.0)), store)
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["row"], line["seed"]) for line in lines] == [
        *(("base", str(seed)) for seed in range(3)),
        *(("softmax", str(seed)) for seed in range(2)),
    ]
    assert [line["last_top1_error_pct"] for line in lines] == ["10.0", "11.0", "12.0", "", ""]
    assert [line["norm.attention.gate"] for line in lines] == ["hsigmoid"] * 3 + ["softmax"] * 2
    assert [line["status"] for line in lines] == ["finished"] * 3 + ["missing"] * 2
    assert (lines[0]["tags"], lines[0]["study"], lines[0]["baseline"]) == ("good paper", "study", "True")
    head = list(lines[0])
    assert head[:5] == ["study", "row", "group", "baseline", "seed"]
    groups = [name.partition(".")[0] for name in head if "." in name]
    assert list(dict.fromkeys(groups)) == ["model", "norm", "recipe", "data"]


def test_load_names_study_label_and_tags_and_orders_the_config(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _, (first, second) = row("base", seeds=(0, 1))
    for one in (first, second):
        write_run(store, one, {"result.json": result_json(10.0)})
    for study in ("b", "a", "a+1234"):
        store.link(study, "seed=0", store.run(first.id))
    remark(study_file(store, "a"), add=["paper"])
    remark(run_file(store, second.id), name="mine")
    frame = an_cli.load(tmp_path).set_index("seed")
    assert frame.loc[0, ["study", "label", "labels"]].tolist() == [
        "a",
        "seed=0",
        ("a+1234/seed=0", "a/seed=0", "b/seed=0"),
    ]
    assert frame.loc[0, "tags"] == ("paper",)
    assert frame.loc[1, ["label", "name"]].tolist() == ["mine", "mine"]
    groups = [name.partition(".")[0] for name in frame.columns if "." in name]
    assert list(dict.fromkeys(groups)) == ["model", "norm", "recipe", "data"]
