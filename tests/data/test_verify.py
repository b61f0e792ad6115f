"""Verifying a data set: counts, fingerprints, and every image that cannot be decoded."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.config.schema import DataConfig
from an_cli.data import make_data
from an_cli.data.prepare import prepare
from an_cli.data.verify import verify
from an_cli.errors import DataError


def test_a_sound_folder_and_its_shards_have_one_report(
    folder: Callable[..., DataConfig], data_root: Path, tmp_path: Path
) -> None:
    found = verify(data_root / "tiny")
    prepare(data_root / "tiny", tmp_path / "out", shards=2)
    assert dataclasses.replace(verify(tmp_path / "out"), shards=None) == found
    assert verify(tmp_path / "out").shards == 4
    pair = make_data(folder(), data_root=data_root)
    assert (found.train.fingerprint, found.eval.fingerprint) == (pair.train.fingerprint, pair.eval.fingerprint)
    assert (found.classes, found.train.samples, found.eval.samples) == (2, 10, 6)
    assert (found.train.smallest_class, found.train.largest_class) == (5, 5)
    assert found.train.unreadable == found.eval.unreadable == ()


@pytest.mark.parametrize("sharded", [False, True])
def test_all_images_that_cannot_be_decoded_are_named(data_root: Path, tmp_path: Path, sharded: bool) -> None:
    for name in ("cat/1", "dog/0"):
        path = data_root / "tiny" / "val" / f"{name}.JPEG"
        path.write_bytes(path.read_bytes()[:300])
    root = data_root / "tiny"
    if sharded:
        root = tmp_path / "out"
        prepare(data_root / "tiny", root, shards=1)
    found = verify(root)
    assert found.train.unreadable == ()
    assert [text.partition(".JPEG: ")[0][-5:] for text in found.eval.unreadable] == ["cat/1", "dog/0"]
    assert "truncated" in found.eval.unreadable[0].lower()
    assert verify(root, decode_all=False).eval.unreadable == ()


def test_classes_of_unequal_size_and_classes_that_val_lacks_are_told(data_root: Path) -> None:
    shutil.rmtree(data_root / "tiny" / "val" / "cat")
    (data_root / "tiny" / "train" / "dog" / "0.JPEG").unlink()
    found = verify(data_root / "tiny")
    assert found.eval.absent_classes == ("cat",)
    assert (found.train.smallest_class, found.train.largest_class) == (4, 5)


def test_what_keeps_a_folder_from_being_a_data_set_is_an_error(data_root: Path, tmp_path: Path) -> None:
    shutil.rmtree(data_root / "tiny" / "val")
    with pytest.raises(DataError, match="no folder val/"):
        verify(data_root / "tiny")
    with pytest.raises(DataError, match="no such folder"):
        verify(tmp_path / "nowhere")


def test_progress_is_told(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("an_cli.data.verify.SAY_EVERY_S", 0.0)
    said: list[str] = []
    verify(data_root / "tiny", say=said.append)
    assert [text.partition(",")[0] for text in said] == ["train: 10 of 10 images decoded", "val: 6 of 6 images decoded"]


def test_an_image_that_may_not_be_read_is_named(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = data_root / "tiny" / "train" / "cat" / "0.JPEG"
    read_bytes = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    assert verify(data_root / "tiny").train.unreadable == (f"{closed}: cannot be read: Permission denied",)
