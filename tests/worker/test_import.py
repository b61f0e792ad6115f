"""Importing weights: exactly a network's tensors or an error, and a run that never passes for a trained one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from an_cli.config import CellConfig, Composer, cell_id, plain
from an_cli.errors import DataError, StoreError
from an_cli.launch import Action, reconcile
from an_cli.launch.standing import RunStanding
from an_cli.models import load, published_names
from an_cli.plan import Cell
from an_cli.store import RunFolder, Status, Store, read_imported, read_run, set_aside, status_of, take
from an_cli.store.claims import newest_claim
from an_cli.store.endings import Exit
from an_cli.train import initial_model, make_task
from an_cli.worker.import_weights import import_weights
from tests.launch.fake_door import finish
from tests.tiny import TINY
from tests.warm import Warm


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def cell(composer: Composer) -> CellConfig:
    return composer.compose(TINY).cell


@pytest.fixture
def published(cell: CellConfig) -> dict[str, Tensor]:
    """A tiny network's tensors, in the names and the wrapper of the authors' files."""
    model = initial_model(make_task(cell))
    names = published_names(model)
    return {f"module.module.{names[name]}": tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in model.state_dict().items()}  # fmt: skip


@pytest.fixture
def ask(cell: CellConfig, published: Mapping[str, Tensor], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    torch.save({"state_dict": published}, tmp_path / "authors.pth")

    def make(**changes: Any) -> dict[str, Any]:
        values = {
            "file": str(tmp_path / "authors.pth"),
            "config": plain(cell),
            "choices": {},
            "ema": False,
            "out": None,
            "store": None,
        }
        return {**values, **changes}

    return make


def test_published_tensors_are_written_under_our_names(
    ask: Callable[..., dict[str, Any]], cell: CellConfig, tmp_path: Path
) -> None:
    answer = import_weights(ask(out=str(tmp_path / "ours.pt")))
    model = initial_model(make_task(cell))
    ours = torch.load(tmp_path / "ours.pt", weights_only=True)
    assert ours.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(ours[name], tensor.half() if tensor.is_floating_point() else tensor)
    assert (answer["names"], answer["precision"], answer["run"]) == ("published", "float16", None)
    assert answer["tensors"] == len(ours)
    again = import_weights(ask(file=str(tmp_path / "ours.pt")))
    assert again["names"] == "our"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"module.module.fc.bias": None}, r"1 tensor missing: fc\.bias"),
        ({"module.module.head.weight": torch.zeros(1)}, r"1 tensor left over: head\.weight"),
        ({"module.module.fc.bias": torch.zeros(3)}, r"shape or type: fc\.bias \[3\] float32, not \[10\] float32"),
    ],
)
def test_a_tensor_too_few_too_many_or_of_another_shape_is_named_and_nothing_is_written(
    ask: Callable[..., dict[str, Any]],
    published: dict[str, Tensor],
    tmp_path: Path,
    change: dict[str, Tensor | None],
    message: str,
) -> None:
    changed = {name: tensor for name, tensor in {**published, **change}.items() if tensor is not None}
    torch.save(changed, tmp_path / "changed.pth")
    wanted = ask(file=str(tmp_path / "changed.pth"), out=str(tmp_path / "ours.pt"), store=str(tmp_path / "store"))
    with pytest.raises(DataError, match=message):
        import_weights(wanted)
    assert not (tmp_path / "ours.pt").exists()
    assert not (tmp_path / "store").exists()


@pytest.fixture
def imported(ask: Callable[..., dict[str, Any]], tmp_path: Path) -> RunFolder:
    answer = import_weights(ask(store=str(tmp_path / "store")))
    return Store(tmp_path / "store").run(str(answer["run"]))


def test_an_imported_run_says_where_its_weights_come_from(
    imported: RunFolder, cell: CellConfig, tmp_path: Path
) -> None:
    assert imported.id == cell_id(cell)
    assert status_of(imported) is Status.IMPORTED
    record = read_run(imported)
    assert (record.result, record.attempts, record.epochs) == (None, (), ())
    assert record.imported is not None
    assert record.imported.file == "authors.pth"
    assert record.imported.evaluation is None
    assert len(record.imported.sha256) == 64


def test_an_imported_run_is_not_trained_by_accident(imported: RunFolder, cell: CellConfig, warm: Warm) -> None:
    planned = Cell(config=cell, id=imported.id, label="tiny", choices={})
    wanted = reconcile([planned], {imported.id: RunStanding(status=status_of(imported), on_disk=status_of(imported))})
    assert [action for _, action in wanted.actions] == [Action.LEAVE]
    assert (wanted.to_launch, wanted.to_follow) == ((), ())
    assert wanted.sentence == "1 cell: 1 imported (not trained)"
    warm.ask(imported)
    assert warm.exit() == Exit.BUSY
    assert status_of(imported) is Status.IMPORTED


def test_importing_the_same_file_again_changes_nothing_and_another_file_is_refused(
    imported: RunFolder, ask: Callable[..., dict[str, Any]], published: dict[str, Tensor], tmp_path: Path
) -> None:
    before = imported.imported.read_bytes()
    wanted = ask(store=str(tmp_path / "store"))
    assert import_weights(wanted)["run"] == imported.id
    assert imported.imported.read_bytes() == before
    torch.save({name: tensor * 2 for name, tensor in published.items()}, tmp_path / "other.pth")
    with pytest.raises(StoreError, match="the run is imported"):
        import_weights({**wanted, "file": str(tmp_path / "other.pth")})


@pytest.mark.parametrize(
    "status", [Status.FINISHED, Status.INTERRUPTED, Status.FAILED, Status.RUNNING, Status.UNREADABLE]
)
def test_imported_weights_never_replace_a_run_of_ours(
    ask: Callable[..., dict[str, Any]], cell: CellConfig, tmp_path: Path, status: Status
) -> None:
    run = Store(tmp_path / "store").prepare(cell, {})
    claim = take(run)
    assert claim is not None
    run.attempts.write_text("{}\n")
    if status is Status.FINISHED:
        finish(run)
    if status is Status.UNREADABLE:
        run.result.write_text("{torn")
    if status is Status.FAILED:
        run.error.write_text("no\n")
    if status is not Status.RUNNING:
        claim.release()
    assert status_of(run) is status
    with pytest.raises(StoreError, match=f"the run is {status}"):
        import_weights(ask(store=str(tmp_path / "store")))
    assert not run.imported.exists()


def test_an_import_that_was_broken_off_is_no_imported_run_and_is_done_again(
    ask: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise StoreError("no space", where="here")

    wanted = ask(store=str(tmp_path / "store"))
    with monkeypatch.context() as patch:
        patch.setattr("an_cli.worker.import_weights.write_imported", no_space)
        with pytest.raises(StoreError, match="no space"):
            import_weights(wanted)
    (run_id,) = Store(tmp_path / "store").run_ids()
    run = Store(tmp_path / "store").run(run_id)
    assert status_of(run) is Status.INTERRUPTED
    assert import_weights(wanted)["run"] == run_id
    assert status_of(run) is Status.IMPORTED


def test_set_aside_an_imported_run_can_be_trained(imported: RunFolder) -> None:
    archive = set_aside(imported, seen=newest_claim(imported))
    assert archive is not None
    assert (archive / "imported.json").exists()
    assert not list(imported.checkpoints.glob("*"))
    assert status_of(imported) is Status.INTERRUPTED


def test_its_own_evaluation_is_remembered_and_another_ones_is_not(
    imported: RunFolder, composer: Composer, evaluations: Any
) -> None:
    launch = plain(composer.compose(TINY).launch)
    cell = json.loads(imported.cell.read_text())["config"]
    other = {**cell, "data": {**cell["data"], "eval_samples": 24}}
    asked = {"launch": launch, "threads": 1, "run": str(imported.path), "file": None, "epoch": "best", "out": None}
    elsewhere = evaluations.ask({**asked, "config": other, "record": False})
    assert read_imported(imported).evaluation is None
    own = evaluations.ask({**asked, "config": cell, "record": True})
    assert (elsewhere["samples"], own["samples"], own["weights"]) == (24, 20, "imported")
    found = read_imported(imported)
    assert found.evaluation is not None
    assert found.evaluation.samples == 20
    assert asdict(found.evaluation)["loss"] == own["loss"]
    assert found.eval_fingerprint == own["fingerprint"]
    assert status_of(imported) is Status.IMPORTED


def test_load_takes_the_file_that_import_writes(tmp_path: Path, composer: Composer) -> None:
    model = initial_model(make_task(composer.compose(["model=mobilenet_v2", "norm=bn"]).cell))
    torch.save({"model": model.state_dict()}, tmp_path / "ours.pt")
    loaded = load(model="mobilenet_v2", norm="bn", weights=tmp_path / "ours.pt")
    assert torch.equal(loaded.get_parameter("fc.weight"), model.get_parameter("fc.weight"))
