"""The page in a real browser, from file://: sorting, filtering, comparing, hostile names, the live page."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from an_cli.plan import load_study, make_plan
from an_cli.report import make_table
from an_cli.report.formats.wording import Printed, printed_rows
from an_cli.report.page import Reader, make_page, snapshot
from an_cli.report.page.server import make_server
from an_cli.store import Store
from tests.browser import Browser, find_chromium, open_browser
from tests.report.by_hand import cell
from tests.report.store_by_hand import HOSTILE, hostile_store, metrics, small_store, write_finished

needs_browser = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")

LABELS = "[...document.querySelectorAll('#grid .row .name')].map((one) => one.textContent)"
HEADINGS = "[...document.querySelectorAll('#right .diff thead th')].slice(1).map((one) => one.textContent)"


def column(name: str) -> str:
    return f"[...document.querySelectorAll('#grid [data-column=\"{name}\"]')].map((one) => one.textContent)"


def difference(key: str) -> str:
    """Texts of one line of the comparison."""
    return f"[...document.querySelectorAll('#right tr[data-key=\"{key}\"] td')].map((one) => one.textContent)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        found.size(1440, 900)
        yield found


def write(store: Store, folder: Path) -> str:
    path = folder / "page.html"
    path.write_text(make_page(snapshot(Reader(store)), at="now", runs_at="store/runs"))
    return path.as_uri()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Callable[[str], Browser]:
    """Open the page of the small store at a fragment."""
    address = write(small_store(tmp_path / "store"), tmp_path)

    def go(fragment: str = "") -> Browser:
        browser.call("Page.navigate", url="about:blank")
        browser.requests.clear()
        browser.console.clear()
        browser.open(address + fragment)
        return browser

    return go


Open = Callable[..., Browser]


@needs_browser
def test_a_run_of_two_studies_goes_by_its_name_in_the_first(browser: Browser, tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    store.link("another", "shared", store.run(cell("seed=0").id))
    os.utime(store.studies / "another" / "shared", (4e9, 4e9), follow_symlinks=False)
    browser.open(write(store, tmp_path))
    labels = browser.run(LABELS)
    assert "by hand/seed=0" in labels
    assert "another/shared" not in labels


@needs_browser
def test_a_heading_sorts_up_then_down_then_not_and_unknown_comes_last(opened: Open) -> None:
    page = opened()
    page.click('[data-sort="last_top1_error_pct"]')
    assert page.run(column("last_top1_error_pct")) == ["20.00", "20.25", "21.00", "21.25", "22.00", "22.25", "–", "–"]  # noqa: RUF001
    page.click('[data-sort="last_top1_error_pct"]')
    assert page.run(column("last_top1_error_pct")) == ["22.25", "22.00", "21.25", "21.00", "20.25", "20.00", "–", "–"]  # noqa: RUF001
    assert page.run("document.querySelectorAll('[aria-sort=descending]').length") == 1
    page.click('[data-sort="last_top1_error_pct"]')
    assert page.run("document.querySelectorAll('[aria-sort=none]').length") > 3


@needs_browser
@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("softmax", 2),
        ("seed=0", 5),
        ("gate=softmax seed=0", 1),
        ("last<21.1 last>=20.25", 2),
        ("status!=finished", 2),
        ("components=10,10,20,20 squeeze=mean", 2),
        ('"by hand"', 6),
        ("no such word", 0),
    ],
)
def test_a_filter_keeps_what_passes_all_its_words(opened: Open, words: str, count: int) -> None:
    page = opened()
    page.type("#filter", words)
    assert len(page.run(LABELS)) == count
    assert page.run("document.getElementById('counted').textContent") == f"{count} of 8"
    page.type("#filter", "")
    assert len(page.run(LABELS)) == 8


@needs_browser
def test_a_filter_of_an_unknown_column_says_so_and_hides_nothing(opened: Open) -> None:
    page = opened()
    page.type("#filter", "gaet=softmax")
    assert "no column “gaet”" in page.run("document.getElementById('hint').textContent")
    assert len(page.run(LABELS)) == 8


@needs_browser
def test_comparing_two_runs_shows_both_curves_and_only_what_differs(opened: Open) -> None:
    page = opened()
    page.type("#filter", "seed=0 status=finished")
    page.click('[data-sort="last_top1_error_pct"]')
    page.click("#grid .row:nth-child(1) input")
    page.click("#grid .row:nth-child(3) input")
    assert page.run(HEADINGS) == ["by hand/seed=0", "by hand/gate=softmax,seed=0"]
    assert page.run("document.querySelectorAll('#right .chart .line').length") == 2
    assert page.run(difference("norm.attention.gate")) == ["hsigmoid", "softmax"]
    assert page.run(difference("minus the first")) == ["", "+2.00"]
    assert page.run(difference("norm.attention.head")) == []
    page.click('[data-toggle="all"]')
    assert page.run(difference("norm.attention.head")) == ["a2", "a2"]


@needs_browser
def test_seeds_join_to_a_mean_with_a_band(opened: Open) -> None:
    page = opened("#study=by+hand")
    page.type("#filter", "softmax")
    page.click("#grid .head input")
    assert page.run("document.querySelectorAll('#right .line').length") == 2
    page.click('[data-toggle="join"]')
    assert page.run("document.querySelectorAll('#right .line').length") == 1
    assert page.run("document.querySelectorAll('#right .band').length") == 1
    assert page.run(HEADINGS) == ["gate=softmax (2 seeds)"]
    assert page.run(difference("top-1 last (%)")) == ["22.13 ± 0.18"]


@needs_browser
def test_joined_seeds_of_the_design_without_a_label_have_a_name(opened: Open) -> None:
    page = opened("#study=by+hand")
    page.type("#filter", "gate=hsigmoid squeeze=rsd")
    page.click("#grid .head input")
    page.click('[data-toggle="join"]')
    assert page.run(HEADINGS) == ["base (2 seeds)"]


@needs_browser
def test_the_table_of_a_study_is_the_printed_one(browser: Browser, tmp_path: Path) -> None:
    store, plan = Store(tmp_path / "store"), make_plan(load_study("demo"))
    for index, one in enumerate(plan.cells[:9]):
        store.link("demo", one.label, write_finished(store, one, 30.0, 20.0 + index % 4))
    browser.open(write(store, tmp_path) + "#study=demo")
    lines = (
        "[...document.querySelectorAll('#study tr')].map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    heads, *rows = browser.run(lines)
    table = make_table(plan, store, {})
    assert [heads[0], *heads[2:]] == [column.title for column in table.columns]
    assert [[row[0].removesuffix("3 missing"), *row[2:]] for row in rows] == [
        [plain_text(cell) for cell in row] for row in printed_rows(table)
    ]


def plain_text(cell: Printed) -> str:
    """A cell as a reader would copy it off the page."""
    spread = f" \u00b1 {cell.spread}" if cell.spread else ""
    interval = f" {cell.interval}" if cell.interval else ""
    return (cell.number or cell.word) + spread + ",".join(cell.marks) + interval


@needs_browser
def test_a_view_is_its_address(opened: Open) -> None:
    run = cell("norm.attention.gate=softmax", "seed=1").id
    page = opened()
    page.click("[data-study='by hand']")
    page.type("#filter", "seed=1")
    page.click('[data-sort="best_top1_error_pct"]')
    page.click("#grid .row input")
    fragment = page.run("location.hash")
    labels, headings = page.run(LABELS), page.run(HEADINGS)
    page = opened(fragment)
    assert (page.run(LABELS), page.run(HEADINGS)) == (labels, headings)
    page = opened(f"#open={run}")
    assert run in page.run("document.getElementById('right').textContent")
    assert page.run("document.querySelector('#right a').getAttribute('href')") == f"./store/runs/{run}/"


@needs_browser
def test_a_damaged_run_says_what_is_wrong_with_it(opened: Open) -> None:
    page = opened(f"#open={cell('recipe.lr=0.8').id}")
    assert "result.json is not JSON" in page.run("document.querySelector('#right pre').textContent")


@needs_browser
def test_the_keyboard_alone_chooses_and_opens(opened: Open) -> None:
    page = opened()
    page.run("document.getElementById('grid').focus()")
    for key, code in (("ArrowDown", 40), (" ", 32), ("ArrowDown", 40), (" ", 32)):
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)
    page.settle()
    assert len(page.run(HEADINGS)) == 2
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13)
    page.settle()
    assert page.run("document.querySelector('#back') !== null")


@needs_browser
def test_the_page_asks_the_network_for_nothing(opened: Open) -> None:
    page = opened()
    page.click("[data-study='by hand']")
    page.click("#grid .row input")
    page.run("fetch('https://example.org/').catch(() => 0)")
    assert len(page.requests) == 1
    assert page.requests[0].startswith("file://")
    assert any("Content Security Policy" in text for text in page.console), "the policy stopped the planted request"


@needs_browser
def test_hostile_names_are_shown_and_do_nothing(browser: Browser, tmp_path: Path) -> None:
    browser.console.clear()
    store = hostile_store(tmp_path / "store")
    address = write(store, tmp_path)
    browser.call("Page.navigate", url="about:blank")
    browser.open(address)
    for fragment in ("#", *(f"#open={run}" for run in store.run_ids())):
        browser.run(f"location.hash = '{fragment}'")
        browser.settle()
        assert browser.run("window.hit ?? null") is None
        assert browser.run("document.querySelectorAll('main script, main img, main iframe, main [onload]').length") == 0
    browser.click("#back")
    browser.click("#grid .head input")
    browser.click('[data-toggle="all"]')
    browser.run("document.querySelectorAll('.card').forEach((one) => one.click())")
    text = browser.run("document.body.textContent")
    assert HOSTILE[1] in text
    assert browser.run("window.hit ?? null") is None
    assert browser.run("Object.prototype.hit ?? null") is None
    assert not [entry for entry in browser.console if "Security" in entry]


@needs_browser
def test_a_live_page_takes_in_what_is_new_and_keeps_what_was_chosen(
    browser: Browser, tmp_path: Path, served: Callable[[Store], tuple[str, int]]
) -> None:
    store = small_store(tmp_path)
    host, port = served(store)
    browser.call("Page.navigate", url="about:blank")
    browser.open(f"http://{host}:{port}/")
    browser.click("#grid .row input")
    chosen = browser.run(HEADINGS)
    run = store.run(cell("seed=0").id)
    run.metrics.write_text(metrics(50.0, 40.0, 30.0, 20.0))
    run.result.write_text(run.result.read_text().replace("20.0", "19.0"))
    browser.wait_for(f"{column('last_top1_error_pct')}.includes('19.00')")
    assert browser.run(HEADINGS) == chosen


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Store], tuple[str, int]]]:
    """Serve a store on a free port, without rests between readings."""
    monkeypatch.setattr("an_cli.report.page.server._REST_S", 0.0)
    servers: list[Any] = []

    def start(store: Store) -> tuple[str, int]:
        server = make_server(Reader(store), 0, lambda: "now")
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server.server_address[0], server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
