"""`an-cli dashboard` and `an-cli figure`: which file they write, and what they say when they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from an_cli.store import Store
from tests.cli.conftest import Call
from tests.report.store_by_hand import small_store


@pytest.fixture
def store(folder: Path) -> Store:
    return small_store(folder / "store")


def test_dashboard_writes_one_file_into_the_store_and_prints_where(call: Call, store: Store) -> None:
    ended = call("dashboard", "--store", str(store.root))
    assert ended.status == 0
    page = Path(ended.out.strip())
    assert page == (store.root / "dashboard.html").resolve()
    assert page.read_text().startswith("<!doctype html>")
    assert "by hand: no table in the page" in ended.err


def test_dashboard_links_to_the_runs_from_where_the_file_is(call: Call, store: Store, folder: Path) -> None:
    call("dashboard", "--store", str(store.root), "--out", str(folder / "sub" / "page.html"))
    assert '"runs_at":"../store/runs"' in (folder / "sub" / "page.html").read_text()


def test_dashboard_of_a_folder_without_runs_says_so(call: Call, folder: Path) -> None:
    ended = call("dashboard", "--store", str(folder))
    assert ended.status == 1
    assert "no runs there" in ended.err


def test_dashboard_does_not_write_a_live_page(call: Call, store: Store) -> None:
    assert call("dashboard", "--serve", "--out", "x.html", "--store", str(store.root)).status == 2


def test_dashboard_changes_no_run(call: Call, store: Store) -> None:
    def seen() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(store.runs.rglob("*"))}

    before = seen()
    call("dashboard", "--store", str(store.root))
    assert seen() == before


@pytest.mark.parametrize(
    ("words", "name", "magic"),
    [
        ([], "reports/build/by_hand_seed=0-curves.pdf", b"%PDF"),
        (["-f", "svg"], "reports/build/by_hand_seed=0-curves.svg", b"<?xml"),
        (["--out", "store/x.png"], "x.png", b"\x89PNG"),
    ],
)
def test_figure_takes_its_format_from_the_flag_or_the_file(
    call: Call, store: Store, words: list[str], name: str, magic: bytes
) -> None:
    ended = call("figure", "curves", "by hand/seed=0", *words, "--store", str(store.root))
    assert ended.status == 0, ended.err
    assert (store.root / name).read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "store/x.jpg"], "pdf, svg, png"),
        (["--out", "store/x.jpg", "-f", "png"], "pdf, svg, png"),
        (["--out", "store/x.pdf", "-f", "png"], "the file ends in pdf, --format says png"),
    ],
)
def test_figure_writes_no_file_that_pretends_to_be_of_another_format(
    call: Call, store: Store, words: list[str], said: str
) -> None:
    ended = call("figure", "curves", "by hand/seed=0", *words, "--store", str(store.root))
    assert ended.status == 2
    assert said in " ".join(ended.err.replace("\u2502", " ").split())
    assert not list(store.root.glob("x.*"))


def test_figure_of_something_unknown_names_the_studies(call: Call, store: Store) -> None:
    ended = call("figure", "curves", "tinny", "--store", str(store.root))
    assert ended.status == 1
    assert "neither a study nor a run" in ended.err
    assert "tiny" in ended.err


def test_figure_of_a_mixture_that_is_not_there_says_when_it_is_written(call: Call, store: Store) -> None:
    ended = call("figure", "mixture", "by hand/seed=0", "--store", str(store.root))
    assert ended.status == 1
    assert "written when a run with AN layers finishes" in ended.err


def test_figure_1_of_a_finished_study_is_drawn_and_curves_without_an_epoch_are_not(call: Call, folder: Path) -> None:
    assert call("ablate", "tiny").status == 0
    drawn = call("figure", "fig1", "tiny", "-f", "svg", "--against", "macs")
    assert drawn.status == 0, drawn.err
    assert Path(drawn.out.strip()) == folder / "reports" / "build" / "tiny-fig1.svg"
    own = call("figure", "tradeoff", "tiny", "-f", "svg", "--against", "train_s", "--measure", "top5_accuracy_pct")
    assert own.status == 0, own.err
    assert Path(own.out.strip()) == folder / "reports" / "build" / "tiny-tradeoff.svg"
    refused = call("figure", "tradeoff", "tiny", "--measure", "recipe.lr")
    assert "'recipe.lr' is no measure of this study (--measure)" in refused.err
    assert call("figure", "fig1", "tiny", "--against", "loss", "--published").status == 2
    assert "no run has finished an epoch" in call("figure", "curves", "tiny").err
    call("ablate", "tiny", "recipe.lr=0.2")
    tagged = call("figure", "fig1", "tiny", "recipe.lr=0.2", "-f", "svg").out
    assert "/tiny+" in tagged, "it does not take the place of the study's own"
