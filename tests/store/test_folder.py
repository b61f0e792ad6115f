"""Names, preparing a folder, links, and the store's version."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path

import pytest

from an_cli.config import CellConfig, Composer, cell_id, plain
from an_cli.errors import StoreError
from an_cli.files import read_json, write_json
from an_cli.store import RunFolder, Store, read_config
from an_cli.store.folder import STORE_VERSION
from an_cli.store.labels import labels_of

DOCS = Path(__file__).parents[2] / "docs" / "run-folder.md"


def _names(kind: type) -> list[str]:
    return [name for name, value in vars(kind).items() if isinstance(value, property | cached_property)]


def test_a_run_folder_is_called_by_its_cell_s_id(store: Store, cell: CellConfig) -> None:
    run = store.prepare(cell, {"norm": "bn"})
    assert (run.id, run.path) == (cell_id(cell), store.runs / cell_id(cell))
    assert read_config(run) == cell
    assert read_json(run.cell) == {"config": plain(cell), "choices": {"norm": "bn"}}


def test_preparing_twice_leaves_the_folder_alone(store: Store, cell: CellConfig) -> None:
    run = store.prepare(cell, {"norm": "bn"})
    before = run.cell.stat()
    assert store.prepare(cell, {"norm": "other name of the same values"}) == run
    assert (run.cell.stat().st_mtime_ns, run.cell.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_folder_that_holds_another_cell_is_refused(store: Store, cell: CellConfig, composer: Composer) -> None:
    run = store.prepare(cell, {})
    write_json(run.cell, {"config": plain(composer.compose(["seed=1", "norm=bn"]).cell), "choices": {}})
    with pytest.raises(StoreError, match=f"holds another cell than its id says \\({run.id}\\)"):
        store.prepare(cell, {})


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_damaged_cell_file_is_refused(text: str, store: Store, cell: CellConfig) -> None:
    store.prepare(cell, {}).cell.write_text(text)
    with pytest.raises(StoreError, match=r"cell\.json"):
        store.prepare(cell, {})


def test_a_store_that_cannot_be_made_is_said(tmp_path: Path, cell: CellConfig) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match="cannot write"):
        Store(tmp_path / "store").prepare(cell, {})


def test_all_run_folders_are_listed_in_order(store: Store, cell: CellConfig, composer: Composer) -> None:
    assert store.run_ids() == []
    cells = [cell, composer.compose(["seed=1"]).cell]
    ids = [store.prepare(one, {}).id for one in cells]
    assert store.run_ids() == sorted(ids)


def test_a_store_of_this_version_is_read(store: Store, cell: CellConfig) -> None:
    store.check_version()  # nothing there yet
    store.prepare(cell, {})
    store.check_version()
    assert read_json(store.version) == {"version": STORE_VERSION}


@pytest.mark.parametrize("written", [{"version": STORE_VERSION + 1}, {"version": "2"}, {}, [], None])
def test_a_store_of_a_newer_version_is_refused(written: object, store: Store) -> None:
    store.version.parent.mkdir(parents=True)
    write_json(store.version, written)
    with pytest.raises(StoreError, match="upgrade an-cli, or name another store with --store"):
        store.check_version()


def test_a_link_leads_to_the_run_wherever_the_store_is_moved(store: Store, run: RunFolder, tmp_path: Path) -> None:
    store.link("table1", "baseline", run)
    store.root.rename(tmp_path / "moved")
    assert (tmp_path / "moved/studies/table1/baseline").resolve() == tmp_path / "moved" / "runs" / run.id


def test_linking_twice_leaves_the_link_alone(store: Store, run: RunFolder) -> None:
    store.link("table1", "baseline", run)
    link = store.studies / "table1" / "baseline"
    before = link.lstat()
    store.link("table1", "baseline", run)
    assert (link.lstat().st_ino, os.listdir(link.parent)) == (before.st_ino, ["baseline"])


def test_a_label_that_means_another_run_now_is_linked_anew(store: Store, run: RunFolder, composer: Composer) -> None:
    other = store.prepare(composer.compose(["seed=1"]).cell, {})
    store.link("table1", "baseline", other)
    store.link("table1", "baseline", run)
    assert (store.studies / "table1" / "baseline").resolve() == run.path.resolve()
    assert os.listdir(store.studies / "table1") == ["baseline"]


def test_a_folder_in_place_of_a_link_is_not_removed(store: Store, run: RunFolder) -> None:
    (store.studies / "table1" / "baseline" / "notes").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot write baseline"):
        store.link("table1", "baseline", run)
    assert os.listdir(store.studies / "table1") == ["baseline"]


def test_the_longest_label_can_be_linked(store: Store, run: RunFolder) -> None:
    store.link("table1", "x" * 250, run)
    assert (store.studies / "table1" / ("x" * 250)).resolve() == run.path.resolve()


def _documented() -> dict[str, list[str]]:
    """First column -> the other columns of the table of docs/run-folder.md."""
    table = DOCS.read_text(encoding="utf-8").partition("## Status")[0]
    rows = [line.strip().strip("|").split("|") for line in table.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`").rstrip("/"): [cell.strip() for cell in row[1:]] for row in rows}


def test_the_docs_list_exactly_the_files_of_a_run_folder() -> None:
    run = RunFolder(Path("runs") / "id")
    files = {str(getattr(run, name).relative_to(run.path)) for name in _names(RunFolder) if name != "id"}
    assert set(_documented()) == files


def test_the_docs_name_one_writer_and_the_readers_of_each_file() -> None:
    for name, (what, writer, readers) in _documented().items():
        assert what, name
        assert re.fullmatch(r"launch|worker|tracking|`ablate --rerun`", writer), name
        assert readers, name


def test_the_docs_name_every_status() -> None:
    from an_cli.store import Status

    text = DOCS.read_text(encoding="utf-8")
    assert [status for status in Status if f"`{status}`" not in text] == []


def test_a_run_goes_by_its_name_in_the_study_that_defined_it_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for age, label in enumerate(["demo+1b2c3d/lr=0.2", "zebra/baseline", "ant/seed=0", "zebra/again"]):
        study, _, name = label.partition("/")
        store.link(study, name, store.run("a" * 16))
        os.utime(store.studies / label, (1e9 + age, 1e9 + age), follow_symlinks=False)
    names = ["zebra/baseline", "ant/seed=0", "zebra/again", "demo+1b2c3d/lr=0.2"]
    assert labels_of(store) == {"a" * 16: names}
    store.link("ant", "seed=0", store.run("a" * 16))  # a link that is right stays as old as it is
    assert labels_of(store)["a" * 16] == names
