"""Image folders: what is found, what is missing, and what an image looks like."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from an_cli.config.schema import Augment, DataConfig, Interpolation, RecipeConfig
from an_cli.data import make_data
from an_cli.data.dataset import eval_view, train_view
from an_cli.data.decode import decode, random_crop_box
from an_cli.data.draws import Purpose, draws_of_sample
from an_cli.data.image_folder import FolderSet
from an_cli.errors import AnError, ConfigError, DataError

Make = Callable[..., DataConfig]
MakeRecipe = Callable[..., RecipeConfig]
CROP = Augment.RESIZED_CROP


def assert_refused(config: DataConfig, root: Path | None, *, what: str, where: str, now: str) -> None:
    with pytest.raises(AnError) as caught:
        make_data(config, data_root=root)
    assert isinstance(caught.value, DataError | ConfigError)
    assert what in caught.value.what
    assert where in caught.value.where
    assert now in caught.value.now


def test_samples_are_in_order_of_class_and_file_name(folder: Make, data_root: Path) -> None:
    pair = make_data(folder(), data_root=data_root)
    assert isinstance(pair.eval, FolderSet)
    assert pair.train.classes == pair.eval.classes == ("cat", "dog")
    assert pair.eval.labels.tolist() == [0, 0, 0, 1, 1, 1]
    found = [pair.eval.path(sample) for sample in range(6)]
    assert found == [data_root / "tiny" / "val" / name / f"{i}.JPEG" for name in ("cat", "dog") for i in range(3)]


def test_a_class_missing_from_val_keeps_the_labels_of_train(folder: Make, data_root: Path) -> None:
    shutil.rmtree(data_root / "tiny" / "val" / "cat")
    pair = make_data(folder(eval_samples=3), data_root=data_root)
    assert pair.eval.labels.tolist() == [1, 1, 1]


def test_hidden_and_other_files_are_not_samples(folder: Make, data_root: Path) -> None:
    class_folder = data_root / "tiny" / "train" / "cat"
    (class_folder / "notes.txt").write_text("")
    (class_folder / "._0.JPEG").write_text("")
    (data_root / "tiny" / "train" / ".cache").mkdir()
    (class_folder / "nested.JPEG").mkdir()
    assert len(make_data(folder(), data_root=data_root).train) == 10


def test_null_counts_take_what_is_there(folder: Make, data_root: Path) -> None:
    pair = make_data(folder(train_samples=None, eval_samples=None), data_root=data_root)
    assert (len(pair.train), len(pair.eval)) == (10, 6)


def test_a_fingerprint_depends_on_names_and_sizes_but_not_on_the_place(
    folder: Make, data_root: Path, tmp_path: Path
) -> None:
    before = make_data(folder(), data_root=data_root)
    shutil.copytree(data_root / "tiny", tmp_path / "elsewhere" / "tiny")
    moved = make_data(folder(), data_root=tmp_path / "elsewhere")
    assert (moved.train.fingerprint, moved.eval.fingerprint) == (before.train.fingerprint, before.eval.fingerprint)
    changed = data_root / "tiny" / "train" / "cat" / "2.JPEG"
    changed.write_bytes(changed.read_bytes() + b"\0")
    after = make_data(folder(), data_root=data_root)
    assert after.train.fingerprint != before.train.fingerprint
    assert after.eval.fingerprint == before.eval.fingerprint
    (data_root / "tiny" / "val" / "dog" / "0.JPEG").rename(data_root / "tiny" / "val" / "dog" / "9.JPEG")
    assert make_data(folder(), data_root=data_root).eval.fingerprint != before.eval.fingerprint


def test_a_missing_root_says_which_key_which_path_and_which_layout(folder: Make, tmp_path: Path) -> None:
    config = folder(folder="imagenet")
    assert_refused(
        config,
        tmp_path,
        what=f"{tmp_path / 'imagenet'} is not a folder",
        where="launch.data_root",
        now="with train/CLASS/*.JPEG and val/CLASS/*.JPEG inside",
    )
    assert_refused(config, None, what="no data root", where="launch.data_root", now="holds imagenet/")


def test_a_missing_split_is_named(folder: Make, data_root: Path) -> None:
    split = data_root / "tiny" / "val"
    shutil.rmtree(split)
    assert_refused(folder(), data_root, what="no folder val/", where=str(split), now="expected train/CLASS")


def test_a_flat_val_folder_is_told_to_be_sorted(folder: Make, data_root: Path) -> None:
    split = data_root / "tiny" / "val"
    shutil.move(split / "cat" / "0.JPEG", split / "0.JPEG")
    shutil.rmtree(split / "cat")
    shutil.rmtree(split / "dog")
    assert_refused(folder(), data_root, what="no class folders", where=str(split), now="one folder per class")


def test_an_empty_class_is_named(folder: Make, data_root: Path) -> None:
    empty = data_root / "tiny" / "train" / "dog"
    for file in empty.iterdir():
        file.unlink()
    assert_refused(folder(), data_root, what="'dog' holds no image", where=str(empty), now="complete the copy")


def test_another_number_of_classes_is_refused(folder: Make, data_root: Path) -> None:
    assert_refused(
        folder(classes=3),
        data_root,
        what="2 class folders, the config says 3",
        where=str(data_root / "tiny" / "train"),
        now="data.classes=2",
    )


def test_a_class_of_val_that_train_lacks_is_named(folder: Make, data_root: Path) -> None:
    (data_root / "tiny" / "val" / "dog").rename(data_root / "tiny" / "val" / "fox")
    assert_refused(
        folder(),
        data_root,
        what="class 'fox' of val is not in train",
        where=str(data_root / "tiny" / "val"),
        now="same class folders",
    )


@pytest.mark.parametrize(("key", "found"), [("train_samples", 10), ("eval_samples", 6)])
def test_another_number_of_images_is_refused(folder: Make, data_root: Path, key: str, found: int) -> None:
    assert_refused(
        folder(**{key: 11}),
        data_root,
        what=f"{found} images, the config says 11",
        where=f"data.{key}",
        now=f"data.{key}={found}",
    )


@pytest.mark.parametrize(
    ("key", "value", "now"),
    [("channels", 2, "3 (RGB) or 1 (gray)"), ("resize", 15, "image_size or more"), ("folder", None, "name a folder")],
)
def test_a_config_that_files_cannot_give_is_refused(
    folder: Make, data_root: Path, key: str, value: int | None, now: str
) -> None:
    what = "null" if value is None else str(value)
    assert_refused(folder(**{key: value}), data_root, what=what, where=f"data.{key}", now=now)


def test_gray_png_and_palette_files_are_read_in_the_channels_of_the_config(
    folder: Make, data_root: Path, recipe: MakeRecipe
) -> None:
    directory = data_root / "tiny" / "train" / "cat"
    Image.new("L", (30, 30), 77).save(directory / "5.png")
    Image.new("P", (30, 30), 0).save(directory / "6.png")
    for channels in (1, 3):
        config = folder(channels=channels, mean=(0.5,) * channels, std=(0.5,) * channels, train_samples=12)
        dataset = make_data(config, data_root=data_root).train
        shown = dataset.read(np.array([5, 6]), eval_view(recipe(), config))
        assert shown.shape == (2, channels, 16, 16)
        assert (shown[0] == 77).all()


@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_images_equal_those_of_torchvision(
    folder: Make, data_root: Path, recipe: MakeRecipe, interpolation: Interpolation
) -> None:
    from torchvision.transforms import InterpolationMode, functional

    config, mode = folder(), InterpolationMode(interpolation.value)
    dataset = make_data(config, data_root=data_root).train
    assert isinstance(dataset, FolderSet)
    samples = np.arange(10)
    evaluated = dataset.read(samples, eval_view(recipe(interpolation=interpolation), config))
    trained = dataset.read(
        samples, train_view(recipe(interpolation=interpolation, augment=CROP), config, seed=1, epoch=2)
    )
    for sample in range(10):
        image = Image.open(dataset.path(sample)).convert("RGB")
        resized = functional.center_crop(functional.resize(image, 20, mode), [16, 16])
        assert torch.equal(evaluated[sample], functional.pil_to_tensor(resized))
        draws = draws_of_sample(1, 2, sample, 23, Purpose.AUGMENT).tolist()
        left, upper, right, lower = random_crop_box(*image.size, draws[1:])
        cropped = functional.resized_crop(image, upper, left, lower - upper, right - left, [16, 16], mode)
        expected = functional.hflip(cropped) if draws[0] < 0.5 else cropped
        assert torch.equal(trained[sample], functional.pil_to_tensor(expected))


@pytest.mark.parametrize("augment", [CROP, Augment.NONE])
def test_a_large_jpeg_decoded_at_a_fraction_looks_like_a_png_decoded_in_full(
    folder: Make, data_root: Path, recipe: MakeRecipe, augment: Augment
) -> None:
    coarse = np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((801, 599), Image.Resampling.BICUBIC)
    large.save(data_root / "large.JPEG", quality=95)
    with Image.open(data_root / "large.JPEG") as decoded:
        decoded.save(data_root / "large.png")
    view = train_view(recipe(augment=augment), folder(), seed=0, epoch=0)
    fraction, full = (
        decode(data_root / f"large.{suffix}", 0, view, mode="RGB").astype(int) for suffix in ("JPEG", "png")
    )
    assert 0 < np.abs(fraction - full).mean() < 1
    assert np.abs(fraction - full).max() < 6


def test_crops_have_the_area_and_ratio_of_the_recipe_and_lie_inside() -> None:
    areas, ratios = [], []
    for sample in range(500):
        left, upper, right, lower = random_crop_box(
            500, 375, draws_of_sample(0, 0, sample, 23, Purpose.AUGMENT).tolist()[1:]
        )
        assert 0 <= left < right <= 500
        assert 0 <= upper < lower <= 375
        areas.append((right - left) * (lower - upper) / (500 * 375))
        ratios.append((right - left) / (lower - upper))
    assert 0.079 < min(areas) < 0.12
    assert 0.85 < max(areas) <= 1
    assert min(ratios) >= 0.74
    assert max(ratios) <= 1.35
    assert min(ratios) < 0.77 < 1.3 < max(ratios)


@pytest.mark.parametrize(
    ("size", "box"), [((1000, 10), (493, 0, 506, 10)), ((10, 1000), (0, 493, 10, 506)), ((30, 30), (0, 0, 30, 30))]
)
def test_where_no_random_crop_fits_the_central_one_is_taken(size: tuple[int, int], box: tuple[int, ...]) -> None:
    too_large = [0.0, 0.0] + [1.0, 1.0] * 10
    assert random_crop_box(*size, too_large) == box


def test_folders_below_a_class_are_read_as_torchvision_reads_them(folder: Make, data_root: Path) -> None:
    """Also through a link, and not for ever through one that leads back."""
    cats = data_root / "tiny" / "train" / "cat"
    (cats / "images" / "a").mkdir(parents=True)
    (cats / "images.old").mkdir()
    for number, below in enumerate(("images", "images/a", "images.old")):
        (cats / f"{number}.JPEG").rename(cats / below / f"{number}.JPEG")
    (cats / "linked").symlink_to(cats / "images" / "a")
    ours = make_data(folder(train_samples=None), data_root=data_root).train
    assert isinstance(ours, FolderSet)
    theirs = ImageFolder(str(data_root / "tiny" / "train"))
    assert [str(ours.path(sample)) for sample in range(len(ours))] == [path for path, _ in theirs.samples]
    assert ours.labels.tolist() == theirs.targets
    before = ours.fingerprint
    for number, target in enumerate((cats, cats.parent, data_root / "tiny", data_root, Path("/"))):
        (cats / "images" / "a" / f"round{number}").symlink_to(target)
    (cats / "up").symlink_to("..")
    again = make_data(folder(train_samples=None), data_root=data_root).train
    assert again.fingerprint == before, "no image of another class, and none twice"


def test_a_link_that_leads_nowhere_is_named(folder: Make, data_root: Path) -> None:
    (data_root / "tiny" / "val" / "cat" / "gone.JPEG").symlink_to("nowhere.JPEG")
    with pytest.raises(DataError, match=r"gone\.JPEG is a link to nowhere\.JPEG, which is not there"):
        make_data(folder(), data_root=data_root)


def test_a_class_folder_that_may_not_be_read_is_named(
    folder: Make, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = str(data_root / "tiny" / "train" / "dog")
    scandir = os.scandir

    def refusing(path: Any = ".") -> Any:
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=rf"Permission denied \({closed}\)"):
        make_data(folder(), data_root=data_root)


def test_a_class_that_is_a_link_to_nowhere_is_named(folder: Make, data_root: Path) -> None:
    (data_root / "tiny" / "train" / "emu").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"emu is a link that leads nowhere \(1 such\)"):
        make_data(folder(), data_root=data_root)
