"""Pictures of any depth: scaled by the range that the file declares, or refused; never clipped to white or black."""

from __future__ import annotations

import io
import os
import random
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from an_cli.config.schema import Augment, Interpolation
from an_cli.data.dataset import View
from an_cli.data.decode import decode
from an_cli.data.picture import picture
from an_cli.data.prepare import prepare
from an_cli.data.verify import verify
from an_cli.errors import DataError

RAMP = np.linspace(0, 65535, 2000).reshape(40, 50).astype(np.uint16)
VIEW = View(
    augment=Augment.NONE, interpolation=Interpolation.BILINEAR, image_size=40, resize=40, seed=0, epoch=0
)  # shows the middle of a 40 x 50 image as it is


def shown(path: Path, mode: str = "L") -> np.ndarray:
    return decode(path, 0, VIEW, mode=mode)


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def pgm(path: Path, values: np.ndarray, brightest: int) -> Path:
    head = f"P5 {values.shape[1]} {values.shape[0]} {brightest}\n".encode()
    path.write_bytes(head + values.astype(">u2").tobytes())
    return path


@pytest.mark.parametrize("kind", ["png", "tiff", "big_endian.tiff", "pgm"])
def test_sixteen_bits_are_scaled_as_torchvision_scales_a_tensor_of_them(tmp_path: Path, kind: str) -> None:
    from torchvision.transforms import v2

    path = tmp_path / f"ramp.{kind}"
    if kind == "pgm":
        pgm(path, RAMP, 65535)
    elif kind == "big_endian.tiff":
        save(Image.frombytes("I;16B", (50, 40), RAMP.astype(">u2").tobytes()), path)
    else:
        save(Image.fromarray(RAMP), path)
    expected = v2.ToDtype(torch.uint8, scale=True)(torch.from_numpy(RAMP)[None]).numpy()
    np.testing.assert_array_equal(shown(path), expected[:, :, 5:45])
    np.testing.assert_array_equal(shown(path, "RGB"), np.repeat(expected[:, :, 5:45], 3, axis=0))


def test_floats_of_zero_to_one_are_scaled_as_torchvision_scales_a_tensor_of_them(tmp_path: Path) -> None:
    from torchvision.transforms import v2

    values = (RAMP / 65535).astype(np.float32)
    expected = v2.ToDtype(torch.uint8, scale=True)(torch.from_numpy(values)[None]).numpy()
    np.testing.assert_array_equal(shown(save(Image.fromarray(values), tmp_path / "f.tiff")), expected[:, :, 5:45])


def test_other_depths_that_a_file_declares_are_scaled_by_it(tmp_path: Path) -> None:
    ten = pgm(tmp_path / "ten.pgm", RAMP >> 6, 1023)
    np.testing.assert_allclose(shown(ten)[0], (RAMP >> 8)[:, 5:45], atol=1)
    upside_down = save(Image.fromarray(RAMP), tmp_path / "white_is_zero.tiff", tiffinfo={262: 0})
    np.testing.assert_array_equal(shown(upside_down)[0], 255 - (RAMP >> 8)[:, 5:45])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (RAMP.astype(np.int32) * 1000, "32-bit integers"),
        (RAMP.astype(np.int32), "32-bit integers"),
        (RAMP >> 4, "brightest is 4095 of 65535"),
        (RAMP >> 8, "brightest is 255 of 65535"),
        (RAMP.astype(np.float32), "floats of 0 to 65535"),
        (RAMP.astype(np.float32) / 65535 - 0.5, "floats of -0.5 to 0.5"),
        (np.full((40, 50), np.nan, dtype=np.float32), "floats of nan to nan"),
    ],
)
def test_a_range_that_nobody_can_know_is_refused_by_name_and_verify_sees_it(
    data_root: Path, tmp_path: Path, values: np.ndarray, message: str
) -> None:
    path = save(Image.fromarray(values), data_root / "tiny" / "train" / "cat" / "odd.tiff")
    with pytest.raises(DataError, match=message) as caught:
        shown(path)
    assert caught.value.where == str(path)
    assert "save it with 8 bits" in caught.value.now
    (problem,) = verify(data_root / "tiny").train.unreadable
    assert problem.startswith(f"{path}: its pixels")
    prepare(data_root / "tiny", tmp_path / "out", shards=1)
    (problem,) = verify(tmp_path / "out").train.unreadable
    assert "cat/odd.tiff: its pixels" in problem


def test_black_sixteen_bits_are_black(tmp_path: Path) -> None:
    assert not shown(save(Image.fromarray(RAMP * 0), tmp_path / "black.png")).any()


@pytest.mark.parametrize("mode", ["LA", "PA", "RGBA", "P"])
def test_a_picture_that_is_in_its_alpha_alone_is_refused_and_any_other_loses_its_alpha(
    tmp_path: Path, mode: str
) -> None:
    alpha = Image.fromarray((RAMP >> 8).astype(np.uint8))
    ink = Image.new("L", (50, 40), 0)
    suffix = "tiff" if mode == "PA" else "png"
    options: dict[str, object] = {}
    if mode in ("LA", "RGBA"):
        image = Image.merge("LA", (ink, alpha)).convert(mode)
    else:
        image = Image.new(mode, (50, 40))
        image.putpalette([0, 0, 0] * 256)
        if mode == "PA":
            image.putalpha(alpha)
        else:
            image.putdata((RAMP >> 8).flatten().tolist())
            options = {"transparency": bytes(range(256))}
    path = save(image, tmp_path / f"ink.{suffix}", **options)
    with pytest.raises(DataError, match="in its transparency"):
        shown(path)
    path = save(Image.merge("LA", (alpha, ink)), tmp_path / "visible.png")
    np.testing.assert_array_equal(shown(path)[0], (RAMP >> 8)[:, 5:45])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs pointer"),
        (b"\0" * 999, "it is no image"),
    ],
)
def test_a_file_that_is_no_image_says_what_it_is(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "image.JPEG"
    path.write_bytes(raw)
    for file in (path, io.BytesIO(raw)):
        with pytest.raises(DataError, match=message) as caught:
            decode(file, 0, VIEW, mode="RGB", where=lambda: "here")
        assert caught.value.where == "here"
        assert "0x" not in str(caught.value)


def test_a_file_that_is_gone_says_so_in_few_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^an image cannot be read: No such file or directory \(/"):
        shown(tmp_path / "gone.png")


def test_colors_that_do_not_become_rgb_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its pixels are LAB"):
        shown(save(Image.new("LAB", (50, 40)), tmp_path / "lab.tiff"))


def why_not(raw: bytes) -> DataError | None:
    try:
        with picture(io.BytesIO(raw), lambda: "here") as opened:
            if opened.width * opened.height < 10**6:
                opened.load()
    except DataError as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore")  # PIL tells of what it reads past
@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "webp", "bmp", "pgm"])
def test_damaged_bytes_are_an_image_or_an_error_that_names_it(kind: str) -> None:
    buffer, rng = io.BytesIO(), random.Random(kind)
    image = Image.fromarray((RAMP >> 8).astype(np.uint8)).convert("L" if kind == "pgm" else "RGB")
    image.save(buffer, "PPM" if kind == "pgm" else kind.upper())
    for _ in range(100):
        raw = bytearray(buffer.getvalue())
        for _ in range(rng.randint(1, 4)):
            raw[rng.randrange(min(len(raw), 300))] = rng.randrange(256)
        error = why_not(bytes(raw))
        assert error is None or (error.where == "here" and "\n" not in str(error))


@pytest.mark.parametrize("interpolation", list(Interpolation))
@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (3, 900), (90, 4000)])
def test_the_middle_of_a_long_image_is_that_of_the_whole_resized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], interpolation: Interpolation
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), tmp_path / "long.png")
    view = View(augment=Augment.NONE, interpolation=interpolation, image_size=32, resize=36, seed=0, epoch=0)
    whole = decode(path, 0, view, mode="RGB").astype(int)
    monkeypatch.setattr("an_cli.data.decode._MOST_RESIZED", 0)
    assert np.abs(decode(path, 0, view, mode="RGB") - whole).max() <= 1


def test_an_image_without_memory_for_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    path = save(Image.new("RGB", (50, 40)), tmp_path / "large.png")
    monkeypatch.setattr("an_cli.data.decode._resized", no_memory)
    with pytest.raises(DataError, match="more memory than there is") as caught:
        shown(path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_file_that_claims_more_pixels_than_any_photograph_is_refused_in_our_words(
    as_bytes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(Image.fromarray(np.zeros((40, 50), np.uint8)), tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    size = path.stat().st_size
    expected = rf"an image of {size} bytes claims 2,000 pixels; more than 1,000 no photograph has \(.*bomb\.png\)"
    file = io.BytesIO(path.read_bytes()) if as_bytes else path
    with pytest.raises(DataError, match=expected):
        decode(file, 0, VIEW, mode="L", where=lambda: str(path))


def _large(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)  # below the picture's 2,000: PIL warns, and reads it
    return save(Image.fromarray(np.zeros((40, 50), np.uint8)), path.with_suffix(".png"))


def _palette_with_alpha(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    image = Image.fromarray((RAMP >> 8).astype(np.uint8)).convert("P")
    return save(image, path.with_suffix(".png"), transparency=bytes(range(200)))


def _animated_wrongly(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = save(Image.fromarray(np.zeros((40, 50), np.uint8)), path.with_suffix(".png"))
    raw, chunk = file.read_bytes(), b"acTL" + bytes(8)
    end_of_header = 8 + 4 + 4 + 13 + 4
    animation = (8).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    file.write_bytes(raw[:end_of_header] + animation + raw[end_of_header:])
    return file


@pytest.mark.parametrize("made", [_large, _palette_with_alpha, _animated_wrongly])
def test_what_pil_warns_of_is_read_without_a_word(
    made: Callable[[Path, pytest.MonkeyPatch], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "doubtful", monkeypatch)
    with pytest.warns(match="."), Image.open(path) as image:
        image.convert("RGB")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert shown(path, "RGB").shape == (3, 40, 40)
    assert not caught


def test_a_damaged_tiff_is_refused_in_our_words_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = save(Image.fromarray(RAMP >> 8).convert("L"), tmp_path / "lzw.tiff", compression="tiff_lzw")
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 3] + bytes(60) + raw[len(raw) // 3 + 60 :])
    with pytest.raises(DataError, match=r"an image cannot be read: its compressed pixels are damaged \(.*lzw\.tiff\)"):
        shown(path)
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still open")
    assert capfd.readouterr().err == "still open"
