"""Shards: the same data set as the folder they were made from, sample for sample and bit for bit."""

from __future__ import annotations

import gc
import os
import pickle
import re
import shutil
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from an_cli.config.schema import Augment, DataConfig, RecipeConfig
from an_cli.data import make_data, make_eval_batches, make_eval_data, make_train_batches
from an_cli.data.batches import Batch
from an_cli.data.dataset import eval_view
from an_cli.data.image_folder import FolderSet
from an_cli.data.prepare import prepare
from an_cli.data.shards import ShardSet, encode_index, read_index
from an_cli.data.verify import verify
from an_cli.errors import DataError

Make = Callable[..., DataConfig]
MakeRecipe = Callable[..., RecipeConfig]
TRAIN: dict[str, Any] = {"seed": 4, "epoch": 1, "replica": 1, "replicas": 2}


@pytest.fixture
def shard_root(data_root: Path) -> Path:
    """A data root with the shards of tiny/: 3 of train and 2 of val."""
    root = data_root / "sharded"
    prepare(data_root / "tiny", root / "tiny", shards=3)
    return root


def assert_equal_batches(one: Iterable[Batch], other: Iterable[Batch]) -> None:
    for (x, y), (x_other, y_other) in zip(one, other, strict=True):
        assert torch.equal(x, x_other)
        assert torch.equal(y, y_other)


def test_shards_are_the_same_data_set_as_their_folder(folder: Make, data_root: Path, shard_root: Path) -> None:
    files, shards = make_data(folder(), data_root=data_root), make_data(folder(), data_root=shard_root)
    for one, other in ((files.train, shards.train), (files.eval, shards.eval)):
        assert isinstance(one, FolderSet)
        assert isinstance(other, ShardSet)
        assert (one.classes, one.fingerprint) == (other.classes, other.fingerprint)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert [other.raw(sample) for sample in range(len(other))] == [
            one.path(sample).read_bytes() for sample in range(len(one))
        ]


@pytest.mark.parametrize("loader_workers", [0, 2])
@pytest.mark.parametrize("start_step", [0, 1])
def test_augmented_batches_are_the_same_bits_from_the_start_and_from_mid_epoch(
    folder: Make, data_root: Path, shard_root: Path, recipe: MakeRecipe, loader_workers: int, start_step: int
) -> None:
    files, shards = (make_data(folder(), data_root=root).train for root in (data_root, shard_root))
    config = recipe(augment=Augment.RESIZED_CROP, batch_per_replica=3)
    expected = list(make_train_batches(files, recipe=config, data=folder(), **TRAIN))[start_step:]
    found = make_train_batches(
        shards, recipe=config, data=folder(), loader_workers=loader_workers, start_step=start_step, **TRAIN
    )
    assert_equal_batches(found, expected)


def test_evaluation_batches_are_the_same_bits(
    folder: Make, data_root: Path, shard_root: Path, recipe: MakeRecipe
) -> None:
    files, shards = (make_eval_data(folder(), data_root=root) for root in (data_root, shard_root))
    assert_equal_batches(
        make_eval_batches(shards, recipe=recipe(batch_per_replica=4), data=folder()),
        make_eval_batches(files, recipe=recipe(batch_per_replica=4), data=folder()),
    )


def test_where_both_forms_lie_the_shards_are_read(folder: Make, data_root: Path) -> None:
    prepare(data_root / "tiny", data_root / "tiny", shards=2)
    assert isinstance(make_data(folder(), data_root=data_root).train, ShardSet)


def test_shards_unpack_to_the_folder_they_were_made_from(data_root: Path, shard_root: Path, tmp_path: Path) -> None:
    shards = sorted((shard_root / "tiny").glob("*.tar"))
    assert [path.name for path in shards] == [
        *(f"train-0000{shard}-of-00003.tar" for shard in range(3)),
        *(f"val-0000{shard}-of-00002.tar" for shard in range(2)),
    ]
    for path in shards:
        with tarfile.open(path) as tar:
            tar.extractall(tmp_path / "unpacked" / path.name.partition("-")[0], filter="data")
    for split in ("train", "val"):
        for label, name in enumerate(("cat", "dog")):
            there = tmp_path / "unpacked" / split / name
            originals = sorted((data_root / "tiny" / split / name).iterdir())
            assert sorted(path.name for path in there.glob("*.JPEG")) == [path.name for path in originals]
            for original in originals:
                assert (there / original.name).read_bytes() == original.read_bytes()
                assert (there / f"{original.stem}.cls").read_text() == str(label)


@pytest.mark.filterwarnings("ignore")  # that library leaves its files to the garbage collector
def test_the_webdataset_library_reads_them(data_root: Path, shard_root: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset, another reader of shards, is not installed")
    urls = [str(path) for path in sorted((shard_root / "tiny").glob("train-*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    gc.collect()
    assert [int(sample["cls"]) for sample in samples] == [0] * 5 + [1] * 5
    assert samples[7]["jpeg"] == (data_root / "tiny" / "train" / "dog" / "2.JPEG").read_bytes()


def test_names_that_a_plain_tar_header_cannot_hold_survive(folder: Make, data_root: Path) -> None:
    class_folder = data_root / "tiny" / "train" / "dog"
    for number, name in enumerate(("ü" * 60, "b" * 150, os.fsdecode(b"bad\xff"))):
        shutil.copy(class_folder / f"{number}.JPEG", class_folder / f"{name}.JPEG")
    prepare(data_root / "tiny", data_root / "out" / "tiny", shards=2)
    files, shards = (
        make_data(folder(train_samples=13), data_root=root).train for root in (data_root, data_root / "out")
    )
    assert files.fingerprint == shards.fingerprint
    assert isinstance(files, FolderSet)
    assert isinstance(shards, ShardSet)
    assert [shards.raw(sample) for sample in range(13)] == [files.path(sample).read_bytes() for sample in range(13)]


def test_preparing_that_was_broken_off_goes_on_and_ends_with_the_same_bytes(
    folder: Make, data_root: Path, shard_root: Path
) -> None:
    target = data_root / "again" / "tiny"
    said: list[str] = []

    def stop_at_the_third(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(data_root / "tiny", target, shards=3, say=stop_at_the_third)
    (target / ".train-00001-of-00003.tar.0badcafe.part").write_bytes(b"half")
    with pytest.raises(DataError, match="unfinished"):
        make_data(folder(), data_root=data_root / "again")
    done = prepare(data_root / "tiny", target, shards=3, say=said.append)
    assert (done.written, done.kept) == (2, 3)
    assert said[3].startswith("4 of 5 shards: val-00000-of-00002.tar")
    whole = {path.name: path.read_bytes() for path in (shard_root / "tiny").iterdir()}
    assert {path.name: path.read_bytes() for path in target.iterdir()} == whole
    assert prepare(data_root / "tiny", target, shards=3).written == 0


def test_a_folder_that_holds_other_shards_is_refused(data_root: Path, shard_root: Path) -> None:
    with pytest.raises(DataError, match=r"train-00000-of-00003\.tar is not a shard .* --shards"):
        prepare(data_root / "tiny", shard_root / "tiny", shards=2)
    (data_root / "tiny" / "train" / "cat" / "0.JPEG").rename(data_root / "tiny" / "train" / "cat" / "00.JPEG")
    with pytest.raises(DataError, match="is not a shard of this folder"):
        prepare(data_root / "tiny", shard_root / "tiny", shards=3)


def test_an_image_that_changes_while_it_is_read_is_named(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = data_root / "tiny" / "train" / "dog" / "1.JPEG"
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: real(path) + (b"\0" if path == changing else b""))
    with pytest.raises(DataError, match="have become") as caught:
        prepare(data_root / "tiny", tmp_path / "out", shards=1)
    assert caught.value.where == str(changing)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("shards", [0, 257])
def test_a_number_of_shards_out_of_range_is_refused(data_root: Path, tmp_path: Path, shards: int) -> None:
    with pytest.raises(DataError, match="1 to 256"):
        prepare(data_root / "tiny", tmp_path / "out", shards=shards)


def test_more_shards_than_images_are_as_many_as_images(data_root: Path, tmp_path: Path) -> None:
    done = prepare(data_root / "tiny", tmp_path / "out", shards=200)
    assert (done.train.shards, done.eval.shards) == (10, 6)


def test_a_shard_that_was_cut_or_is_gone_is_named_before_training(folder: Make, shard_root: Path) -> None:
    shard = shard_root / "tiny" / "train-00001-of-00003.tar"
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(DataError, match="the index says") as caught:
        make_data(folder(), data_root=shard_root)
    assert caught.value.where == str(shard)
    shard.unlink()
    with pytest.raises(DataError, match=r"cannot be opened.*an-cli data prepare"):
        make_data(folder(), data_root=shard_root)


def test_a_damaged_index_is_named(folder: Make, shard_root: Path) -> None:
    index = shard_root / "tiny" / "index.npz"
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(DataError, match="index cannot be read"):
        make_data(folder(), data_root=shard_root)


def test_an_image_that_cannot_be_read_is_named_with_its_shard(
    folder: Make, data_root: Path, recipe: MakeRecipe
) -> None:
    broken = data_root / "tiny" / "val" / "dog" / "1.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    prepare(data_root / "tiny", data_root / "out" / "tiny", shards=3)
    dataset = make_data(folder(), data_root=data_root / "out").eval
    with pytest.raises(DataError) as caught:
        list(make_eval_batches(dataset, recipe=recipe(), data=folder(), loader_workers=1))
    assert caught.value.where == f"{data_root / 'out' / 'tiny' / 'val-00001-of-00002.tar'}: dog/1.JPEG"


def test_counts_and_classes_are_held_against_the_config(folder: Make, shard_root: Path) -> None:
    with pytest.raises(DataError, match="10 images, the config says 11"):
        make_data(folder(train_samples=11), data_root=shard_root)
    with pytest.raises(DataError, match=r"2 class folders, the config says 3"):
        make_data(folder(classes=3), data_root=shard_root)


def test_shards_survive_a_pickle(folder: Make, shard_root: Path, recipe: MakeRecipe) -> None:
    dataset = make_data(folder(), data_root=shard_root).train
    view = eval_view(recipe(), folder())
    samples = np.array([9, 0, 4])
    assert torch.equal(pickle.loads(pickle.dumps(dataset)).read(samples, view), dataset.read(samples, view))


def test_evaluation_needs_no_images_of_training(folder: Make, data_root: Path) -> None:
    whole = make_data(folder(), data_root=data_root).eval
    for file in (data_root / "tiny" / "train").glob("*/*"):
        file.unlink()
    assert make_eval_data(folder(), data_root=data_root).fingerprint == whole.fingerprint
    shutil.rmtree(data_root / "tiny" / "train")
    assert make_eval_data(folder(), data_root=data_root).fingerprint == whole.fingerprint
    with pytest.raises(DataError, match="6 images, the config says 7"):
        make_eval_data(folder(eval_samples=7), data_root=data_root)
    with pytest.raises(DataError, match="2 class folders, the config says 3"):
        make_eval_data(folder(classes=3), data_root=data_root)


def test_a_pixel_is_the_one_that_was_packed(folder: Make, data_root: Path, recipe: MakeRecipe) -> None:
    Image.new("RGB", (30, 30), (7, 8, 9)).save(data_root / "tiny" / "train" / "cat" / "9.png")
    prepare(data_root / "tiny", data_root / "out" / "tiny", shards=1)
    config = folder(train_samples=11)
    shown = make_data(config, data_root=data_root / "out").train.read(np.array([5]), eval_view(recipe(), config))
    assert shown[0, :, 0, 0].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    "names",
    [
        ("frame.0001.JPEG", "frame.0002.JPEG", "frame_0001.JPEG"),
        ("a.JPEG", "a.png", "a.b.png"),
        ("a.tar.gz.JPEG", "a_tar_gz.JPEG", "...JPEG.JPEG"),
        ("deep/er/x.1.JPEG", "deep/er/x.2.JPEG", "deep.er/x.JPEG"),
    ],
)
def test_other_readers_take_any_names_apart_rightly(
    folder: Make, data_root: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """The key of a WebDataset sample is its path up to the first dot of the file's name."""
    cats = data_root / "tiny" / "train" / "cat"
    for name in names:
        (cats / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(cats / "0.JPEG", cats / name)
    (data_root / "tiny" / "train" / "dog").rename(data_root / "tiny" / "train" / "__dog__")
    (data_root / "tiny" / "val" / "dog").rename(data_root / "tiny" / "val" / "__dog__")
    prepare(data_root / "tiny", tmp_path / "out" / "tiny", shards=1)
    shards = make_data(folder(train_samples=None), data_root=tmp_path / "out").train
    files = make_data(folder(train_samples=None), data_root=data_root).train
    assert isinstance(shards, ShardSet)
    assert isinstance(files, FolderSet)
    with tarfile.open(tmp_path / "out" / "tiny" / "train-00000-of-00001.tar") as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    keys = [re.fullmatch(r"((?:.*/|)[^.]+)[.]([^/]*)", name).groups() for name, _ in members]  # type: ignore[union-attr]
    assert len({key for key, _ in keys}) == len(files)
    assert not any(name.startswith("__") for name, _ in members)
    for sample in range(len(files)):
        (key, ending), (label_key, label_ending) = keys[2 * sample : 2 * sample + 2]
        assert (key, label_ending) == (label_key, "cls")
        assert ending == files.path(sample).suffix.removeprefix(".")
        assert members[2 * sample][1] == files.path(sample).read_bytes() == shards.raw(sample)
        assert int(members[2 * sample + 1][1]) == files.labels[sample]


def _flip(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def test_a_changed_byte_of_an_image_is_seen_in_training_by_verify_and_by_prepare(
    folder: Make, data_root: Path, shard_root: Path
) -> None:
    shard = shard_root / "tiny" / "train-00001-of-00003.tar"
    sound = shard.read_bytes()
    set_ = make_data(folder(), data_root=shard_root).train
    assert isinstance(set_, ShardSet)
    _flip(shard, sound.index(set_.raw(4)) + 300)
    with pytest.raises(DataError, match="bytes of the image have changed"):
        set_.raw(4)
    report = verify(shard_root / "tiny")
    assert any("bytes of the image have changed" in line for line in report.train.unreadable)
    said: list[str] = []
    done = prepare(data_root / "tiny", shard_root / "tiny", shards=3, say=said.append)
    assert (done.written, done.kept) == (1, 4)
    assert said[0] == "train-00001-of-00003.tar is damaged and is written anew"
    assert shard.read_bytes() == sound


def test_a_changed_byte_of_a_header_is_seen_by_verify_and_by_prepare(
    folder: Make, data_root: Path, shard_root: Path
) -> None:
    shard = shard_root / "tiny" / "val-00000-of-00002.tar"
    _flip(shard, 1024 + 3)
    assert verify(shard_root / "tiny").eval.unreadable == (f"{shard}: its bytes are not those that were written",)
    assert prepare(data_root / "tiny", shard_root / "tiny", shards=3).written == 1
    assert verify(shard_root / "tiny").eval.unreadable == ()


def test_shards_of_an_an_cli_that_counted_no_checksums_are_read_and_kept(
    folder: Make, data_root: Path, shard_root: Path
) -> None:
    root = shard_root / "tiny"
    index = {name: replace(split, checksums=None) for name, split in read_index(root).items()}
    for split in index.values():
        for number in range(split.shards):
            path = root / split.file_name(number)
            opening = split.opening(number, None)
            path.write_bytes(opening + path.read_bytes()[len(opening) :])
    (root / "index.npz").write_bytes(encode_index([index["train"], index["val"]]))
    files, shards = make_data(folder(), data_root=data_root).train, make_data(folder(), data_root=shard_root).train
    assert isinstance(files, FolderSet)
    assert isinstance(shards, ShardSet)
    assert [shards.raw(n) for n in range(len(shards))] == [files.path(n).read_bytes() for n in range(len(files))]
    assert verify(root).train.unreadable == ()
    assert prepare(data_root / "tiny", root, shards=3).kept == 5
    assert read_index(root)["train"].checksums is not None


def test_a_shard_that_was_cut_is_written_anew(data_root: Path, shard_root: Path) -> None:
    shard = shard_root / "tiny" / "train-00002-of-00003.tar"
    sound = shard.read_bytes()
    shard.write_bytes(sound[: len(sound) // 2])
    assert prepare(data_root / "tiny", shard_root / "tiny", shards=3).written == 1
    assert shard.read_bytes() == sound
