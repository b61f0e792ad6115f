"""From an image file to pixels: decode, crop, resize, flip.

The geometry is that of torchvision's `RandomResizedCrop`, `Resize` and `CenterCrop`, which hand PIL images to the same
PIL calls (a test compares). Here the random numbers come from the sample's own key, and torchvision, slow to import, is
not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from math import ceil, exp, floor, log, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from an_cli.config.schema import Augment, Interpolation
from an_cli.data.dataset import View
from an_cli.data.draws import Purpose, draws_of_sample
from an_cli.data.picture import picture

Box = tuple[int, int, int, int]  # left, upper, right, lower

_SCALE = (0.08, 1.0)  # area of the crop over that of the image
_RATIO = (3 / 4, 4 / 3)  # width over height of the crop
_ATTEMPTS = 10
# A crop's draws: flip, left, upper, and (area, ratio) for each attempt.
_CROP_DRAWS = 3 + 2 * _ATTEMPTS
# A JPEG is decoded at 1/2, 1/4 or 1/8 only while this many decoded pixels are left per wanted one and axis. At 2 the
# result is close to that of a full decode; images of ImageNet's usual 500 x 375 are decoded in full.
_REDUCING_GAP = 2
_MOST_RESIZED = 2**25  # pixels of a resized image that is made whole: 100 MB; reached at ratios of 512 to 1
_SUPPORT = 2  # source pixels that bicubic interpolation looks at, to each side
_RESAMPLING = {
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
}


def decode(
    file: Path | BytesIO, sample: int, view: View, *, mode: str, where: Callable[[], str] | None = None
) -> NDArray[np.uint8]:
    """One image as the view shows it.

    Args:
        file: the file, or its bytes.
        sample: its id, which keys its random crop.
        view: what to show.
        mode: PIL's "RGB" or "L".
        where: names the image in an error; the path where none is given.

    Returns:
        Shape (c, image_size, image_size).

    Raises:
        DataError: the file is missing, truncated, no image, or of a range of values that cannot be known.
    """
    if view.resize is None and not _crops(view):
        raise ValueError("an evaluation view of image files needs resize")
    with picture(file, where or (lambda: str(file))) as image:
        shown = _training(image, sample, view, mode) if _crops(view) else _evaluation(image, view, mode)
    pixels = np.asarray(shown, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)


def _crops(view: View) -> bool:
    return view.augment is Augment.RESIZED_CROP


def _training(image: Image.Image, sample: int, view: View, mode: str) -> Image.Image:
    draws = draws_of_sample(view.seed, view.epoch, sample, _CROP_DRAWS, Purpose.AUGMENT).tolist()
    size = (view.image_size, view.image_size)
    shown = _resized(image, random_crop_box(*image.size, draws[1:]), size, view, mode)
    return shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draws[0] < 0.5 else shown


def _evaluation(image: Image.Image, view: View, mode: str) -> Image.Image:
    width, height = image.size
    short, resize = min(width, height), view.resize or 0
    size = (resize * width // short, resize * height // short)
    left, upper = (round((side - view.image_size) / 2) for side in size)
    crop = (left, upper, left + view.image_size, upper + view.image_size)
    if size[0] * size[1] > _MOST_RESIZED:
        return _middle(image, crop, size, view, mode)
    return _resized(image, (0, 0, width, height), size, view, mode).crop(crop)


def _middle(image: Image.Image, crop: Box, size: tuple[int, int], view: View, mode: str) -> Image.Image:
    """The crop of a resized image without the rest of it: of 1 x 20,000 pixels the whole would take gigabytes."""
    across, down = image.size[0] / size[0], image.size[1] / size[1]
    box = (crop[0] * across, crop[1] * down, crop[2] * across, crop[3] * down)
    margin = ceil(_SUPPORT * max(across, down, 1))
    left, upper = max(floor(box[0]) - margin, 0), max(floor(box[1]) - margin, 0)
    right, lower = min(ceil(box[2]) + margin, image.size[0]), min(ceil(box[3]) + margin, image.size[1])
    inside = (box[0] - left, box[1] - upper, box[2] - left, box[3] - upper)
    piece = image.crop((left, upper, right, lower)).convert(mode)
    return piece.resize((view.image_size, view.image_size), _RESAMPLING[view.interpolation], box=inside)


def _resized(image: Image.Image, box: Box, size: tuple[int, int], view: View, mode: str) -> Image.Image:
    """The box of the image at a new size; a JPEG is decoded no larger than that needs."""
    width, height = image.size
    wide_enough = width * size[0] * _REDUCING_GAP // (box[2] - box[0])
    high_enough = height * size[1] * _REDUCING_GAP // (box[3] - box[1])
    drafted = image.draft(None, (max(wide_enough, 1), max(high_enough, 1)))
    scale = 1 if drafted is None else round(width / drafted[1][2])
    # Whole pixels around the box first, so that nothing outside them is blended in; then the exact box within.
    left, upper, right, lower = (side / scale for side in box)
    around = (floor(left), floor(upper), ceil(right), ceil(lower))
    inside = (left - around[0], upper - around[1], right - around[0], lower - around[1])
    return image.crop(around).convert(mode).resize(size, _RESAMPLING[view.interpolation], box=inside)


def random_crop_box(width: int, height: int, draws: Sequence[float]) -> Box:
    """Crop of a random area and aspect ratio.

    Up to ten (area, ratio) pairs are tried until one fits; else the largest central crop within the ratios.

    Args:
        width: of the image, in pixels.
        height: of the image, in pixels.
        draws: 22 uniform numbers: left, upper, then (area, ratio) per attempt.

    Source: Szegedy et al. 2015; parameters as the paper's Section 4.2 setup (scale 0.08-1, ratio 3/4-4/3).
    """
    low, high = log(_RATIO[0]), log(_RATIO[1])
    for area_draw, ratio_draw in zip(draws[2::2], draws[3::2], strict=True):
        area = width * height * (_SCALE[0] + (_SCALE[1] - _SCALE[0]) * area_draw)
        ratio = exp(low + (high - low) * ratio_draw)
        crop_w, crop_h = round(sqrt(area * ratio)), round(sqrt(area / ratio))
        if 0 < crop_w <= width and 0 < crop_h <= height:
            left, upper = int(draws[0] * (width - crop_w + 1)), int(draws[1] * (height - crop_h + 1))
            return left, upper, left + crop_w, upper + crop_h
    return _central_box(width, height)


def _central_box(width: int, height: int) -> Box:
    ratio = min(max(width / height, _RATIO[0]), _RATIO[1])
    crop_w, crop_h = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, upper = (width - crop_w) // 2, (height - crop_h) // 2
    return left, upper, left + crop_w, upper + crop_h
