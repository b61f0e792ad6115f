"""The page as text: its data, its size, and that nothing in it reaches out or comes alive."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.plan import load_study, make_plan
from an_cli.report.compare.build import build_table
from an_cli.report.evidence.per_sample import read_samples
from an_cli.report.formats.wording import printed_rows
from an_cli.report.page import Reader, RunWord, make_page, snapshot
from an_cli.report.page.columns import coded, curve, numbers, thin
from an_cli.report.page.html import as_data
from an_cli.report.spec import load_spec
from an_cli.report.table import Table
from an_cli.store import Store, read_runs, take
from tests.report.by_hand import cell, result_json, write_run
from tests.report.store_by_hand import HOSTILE, hostile_store, metrics, small_store, write_finished


def page_of(store: Store, **given: Any) -> str:
    return make_page(snapshot(Reader(store)), at="now", **given)


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def values(column: Any, count: int) -> list[Any]:
    return [column["values"][one] for one in column.get("index", [0] * count)]


def test_every_run_is_in_the_page_with_its_state_and_numbers(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    data = data_of(page_of(store))
    assert data["runs"]["id"] == store.run_ids()
    by_id = dict(zip(data["runs"]["id"], values(data["runs"]["status"], data["count"]), strict=True))
    assert by_id[cell("recipe.lr=0.9").id] == "waiting"
    assert by_id[cell("recipe.lr=0.8").id] == "unreadable"
    place = data["runs"]["id"].index(cell("norm.attention.gate=softmax", "seed=1").id)
    assert data["runs"]["last_top1_error_pct"][place] == 22.25
    assert data["runs"]["progress"][place] == 1.0
    assert "result.json is not JSON" in data["errors"][str(data["runs"]["id"].index(cell("recipe.lr=0.8").id))]


def test_a_damaged_run_has_no_number(tmp_path: Path) -> None:
    data = data_of(page_of(small_store(tmp_path)))
    place = data["runs"]["id"].index(cell("recipe.lr=0.8").id)
    assert data["runs"]["last_top1_error_pct"][place] is None
    assert data["runs"]["best_top1_error_pct"][place] is None


def test_a_study_without_a_file_says_why_it_has_no_table(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    store.link("elsewhere", "base", store.run(cell("seed=0").id))
    named, elsewhere = data_of(page_of(store))["studies"]
    assert (named["name"], named["table"], len(named["runs"])) == ("by hand", None, 6)
    assert "cannot name a study" in named["note"]
    assert (elsewhere["name"], elsewhere["table"], len(elsewhere["runs"])) == ("elsewhere", None, 1)
    assert "unknown study" in elsewhere["note"]


def test_a_study_at_hand_brings_the_same_table_as_the_report(tmp_path: Path) -> None:
    store, plan = Store(tmp_path), make_plan(load_study("demo"))
    for index, one in enumerate(plan.cells[:6]):
        store.link("demo", one.label, write_finished(store, one, 30.0, 20.0 + index))
    study = data_of(page_of(store))["studies"][0]
    assert study["planned"] == len(plan.cells)
    assert study["title"] == plan.title
    assert study["table"]["rows"][0]["top1_error_pct"]["mean"] == pytest.approx(21.0)
    assert study["table"]["rows"][2]["status"] == "missing"
    assert [head["title"] for head in study["table"]["heads"]] == [column.title for column in table_of(store).columns]
    texts = [[cell.get("number") or cell.get("word") for cell in row["printed"]] for row in study["table"]["rows"]]
    assert texts == [[cell.number or cell.word for cell in row] for row in printed_rows(table_of(store))]
    assert study["table"]["rows"][0]["printed"][1]["number"] == "78.1k"


def table_of(store: Store) -> Table:
    plan = make_plan(load_study("demo"))
    records = read_runs(store, [one.id for one in plan.cells])
    return build_table(plan, records, {}, load_spec(plan), samples=read_samples(store, records))


def test_badge_footnote_and_list_of_a_run_are_one_word_and_it_is_that_of_status(tmp_path: Path) -> None:
    store, plan = Store(tmp_path), make_plan(load_study("demo"))
    running, queued = plan.cells[0], plan.cells[1]
    for one in (running, queued):
        write_run(store, one, {"metrics.jsonl": metrics(50.0, 30.0)})
        store.link("demo", one.label, store.run(one.id))
    assert take(store.run(running.id)) is not None

    def states(ids: Sequence[str]) -> dict[str, RunWord]:
        return {queued.id: RunWord("queued")} if queued.id in ids else {}

    data = snapshot(Reader(store, states))
    words = dict(zip(data["runs"]["id"], values(data["runs"]["status"], 2), strict=True))
    row = data["studies"][0]["table"]["rows"][0]
    assert (words[running.id], words[queued.id]) == ("running", "queued")
    assert row["states"] == "1 running, 1 queued, 1 missing"
    assert row["notes"] == ["0 of 3 seeds; seed 0: running; seed 1: queued; seed 2: missing"]


def test_a_run_that_finishes_between_two_looks_is_read_again(tmp_path: Path) -> None:
    store, one = Store(tmp_path), cell("seed=0")
    write_run(store, one, {"metrics.jsonl": metrics(50.0, 30.0)})

    def states(ids: Sequence[str]) -> dict[str, RunWord]:
        store.run(one.id).result.write_text(json.dumps(result_json(30.0)))
        return {one.id: RunWord("finished")}

    data = snapshot(Reader(store, states))
    assert (values(data["runs"]["status"], 1), data["runs"]["last_top1_error_pct"]) == (["finished"], [30.0])


def test_a_run_that_goes_has_the_error_of_its_newest_epoch(tmp_path: Path) -> None:
    store, one = Store(tmp_path), cell("seed=0")
    write_run(store, one, {"metrics.jsonl": metrics(50.0, 30.0, 40.0)})
    runs = snapshot(Reader(store))["runs"]
    assert (runs["last_top1_error_pct"], runs["best_top1_error_pct"]) == ([40.0], [30.0])
    assert (values(runs["last_epoch"], 1), values(runs["best_epoch"], 1)) == ([3], [2])


def test_runs_stand_in_the_order_of_their_study_with_or_without_links(tmp_path: Path) -> None:
    store, plan = Store(tmp_path), make_plan(load_study("demo"))
    for one in reversed(plan.cells):
        write_finished(store, one, 30.0, 20.0)
        if one is not plan.cells[3]:
            store.link("demo", one.label, store.run(one.id))
    data = snapshot(Reader(store))
    study = data["studies"][0]
    assert [data["runs"]["id"][place] for place in study["runs"]] == [one.id for one in plan.cells]
    assert study["labels"] == [one.label for one in plan.cells]


def test_labels_of_a_study_without_a_file_are_sorted_as_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in (10, 9, 2):
        store.link("elsewhere", f"seed={seed}", write_finished(store, cell(f"seed={seed}"), 20.0))
    assert snapshot(Reader(store))["studies"][0]["labels"] == ["seed=2", "seed=9", "seed=10"]


def test_runs_made_with_other_values_do_not_become_a_table_of_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.link("demo", "x", write_finished(store, cell("recipe.lr=0.7"), 30.0, 20.0))
    study = data_of(page_of(store))["studies"][0]
    assert study["table"] is None
    assert "made with other values" in study["note"]


def test_equal_stores_give_equal_pages(tmp_path: Path) -> None:
    first = page_of(small_store(tmp_path / "store"))
    shutil.rmtree(tmp_path / "store")
    assert page_of(small_store(tmp_path / "store")) == first


def test_an_empty_store_has_a_page(tmp_path: Path) -> None:
    assert data_of(page_of(Store(tmp_path)))["count"] == 0


def test_a_finished_run_is_read_again_only_when_its_files_change(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    reader, run = Reader(store), store.run(cell("seed=0").id)
    first = {record.id: record for record in reader.records()}
    second = {record.id: record for record in reader.records()}
    assert first[run.id] is second[run.id]
    run.metrics.write_text(metrics(50.0, 30.0, 25.0, 20.0))
    third = {record.id: record for record in reader.records()}
    assert len(third[run.id].epochs) == 4


def test_the_page_names_no_address_but_that_of_svg(tmp_path: Path) -> None:
    page = page_of(small_store(tmp_path))
    addresses = set(re.findall(r"(?:https?|wss?|ftp):(?://|%2F%2F)[^\s'\"%]*", page.replace("%2F", "/")))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?//", page)
    assert not re.search(r"@import|url\((?!#)", page)


@pytest.mark.parametrize(("live", "connect"), [(False, "'none'"), (True, "'self'")])
def test_the_policy_forbids_all_but_the_pages_own_script_and_style(tmp_path: Path, live: bool, connect: str) -> None:
    page = page_of(Store(tmp_path), live=live)
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert found
    policy = dict(part.strip().split(" ", 1) for part in found[1].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == connect
    for directive, tag in (("script-src", "script"), ("style-src", "style")):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert len(text) == 1
        assert policy[directive] == f"'sha256-{base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()}'"


def test_the_script_never_turns_text_into_markup() -> None:
    from an_cli.report.page import html

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc", html._script()
        .replace("there is no innerHTML in this page", "")
    )  # fmt: skip


def test_hostile_names_stay_inside_the_data(tmp_path: Path) -> None:
    store = hostile_store(tmp_path)
    page = page_of(store)
    assert page.count("<script") == 2
    assert page.count("</script") == 2
    assert "onerror" not in page.replace(as_data(data_of(page)), "")
    hosts = data_of(page)["runs"]["host"]["values"]
    assert {*HOSTILE, "node"} - set(hosts) <= {"\ud800"}  # half a character is no text, so that line counts as damaged


@given(st.text() | st.lists(st.floats() | st.none()))
def test_any_value_is_data_and_comes_back(value: object) -> None:
    clean = coded([value])["values"][0]
    text = as_data(clean)
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == clean


def test_a_column_in_which_all_agree_has_no_index() -> None:
    assert coded([3, 3]) == {"values": [3]}
    assert coded([1, True, 1.0, (1,)]) == {"values": [1, True, 1.0, [1]], "index": [0, 1, 2, 3]}


def test_numbers_that_are_not_finite_are_missing() -> None:
    assert numbers([1 / 3, float("nan"), float("inf"), None, 7]) == [0.333333, None, None, None, 7]


@given(st.lists(st.integers(0, 10_000), unique=True), st.integers(2, 100))
def test_a_thinned_curve_keeps_its_ends(epochs: list[int], points: int) -> None:
    epochs.sort()
    found = thin(epochs, points)
    assert len(found) <= points
    assert found == sorted(set(found))
    assert not epochs or (found[0], found[-1]) == (epochs[0], epochs[-1])


@given(st.dictionaries(st.integers(0, 200), st.floats(-1e6, 1e6), min_size=1))
def test_a_curve_comes_back_within_half_a_step(series: dict[int, float]) -> None:
    epochs = sorted({*series, 201})
    packed = curve(series, epochs)
    assert packed is not None
    low, high, text = packed
    assert isinstance(low, float)
    assert isinstance(high, float)
    raw = base64.b64decode(str(text))
    steps = [raw[2 * index] + 256 * raw[2 * index + 1] for index in range(len(epochs))]
    assert steps[-1] == 65535
    unit = (high - low) / 65534
    for epoch, step in zip(epochs[:-1], steps[:-1], strict=True):
        assert abs(low + unit * step - series[epoch]) <= unit / 2 + 1e-9 * max(1, abs(high), abs(low))


def test_a_run_that_read_nothing_has_no_curve(tmp_path: Path) -> None:
    data = data_of(page_of(small_store(tmp_path)))
    place = data["runs"]["id"].index(cell("recipe.lr=0.9").id)
    assert data["curves"]["metrics"]["loss"][place] is None


def test_a_run_of_two_studies_is_in_both(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    store.link("other", "shared", store.run(cell("seed=0").id))
    studies = {one["name"]: one for one in data_of(page_of(store))["studies"]}
    assert studies["other"]["runs"][0] in studies["by hand"]["runs"]


def test_a_run_of_two_studies_is_named_by_the_one_that_defined_it_first(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    store.link("another", "shared", store.run(cell("seed=0").id))
    os.utime(store.studies / "another" / "shared", (4e9, 4e9), follow_symlinks=False)
    runs = data_of(page_of(store))["runs"]
    place = runs["id"].index(cell("seed=0").id)
    assert values(runs["study"], len(runs["id"]))[place] == "by hand"


def test_a_link_to_a_run_that_is_gone_is_left_out(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    gone = dataclasses.replace(store.run("0" * 16))
    store.link("by hand", "gone", gone)
    assert len(data_of(page_of(store))["studies"][0]["runs"]) == 6
