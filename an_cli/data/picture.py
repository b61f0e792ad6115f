"""An image file as the picture that a network sees: the first frame, in a mode of 8 bits a channel.

What 8 bits cannot show by a plain conversion is scaled by the range that the file declares, as torchvision's
`v2.ToDtype(torch.uint8, scale=True)` scales tensors: the high byte of 16 bits, floats of 0 to 1. PIL's own conversion
would clip it, to white or black. A picture whose range nobody can know is refused.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from an_cli.errors import DataError

_DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA"})
_CLOSEST = {"PA": "RGBA", "P": "RGBA"}  # palettes, to look at their alpha
_SIXTEEN_BIT_FORMATS = ("PPM", "PNG")  # they hold 16 bits where PIL's mode is a 32-bit "I"
_DARKEST_16 = 0x1000  # below it, a 16-bit picture leaves four bits or more unused: 12-bit data, labels, millimetres
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_WHITE_IS_ZERO = 0
_CONVERTIBLE = frozenset({"1", "L", "P", "RGB", "RGBA", "RGBX", "RGBa", "LA", "PA", "CMYK", "YCbCr", "HSV"})
_COPY_AGAIN = "copy the file again from its source"
_CODE = "decoder error"  # PIL's words, with a number of its own
_SAVE_AGAIN = "save it with 8 bits a channel, or 16 in their full range"
_BEGINNINGS = {
    b"version https://git-lfs": "a git-lfs pointer, not the image itself",
    b"<!doctype": "an HTML page",
    b"<html": "an HTML page",
    b"<?xml": "an XML file",
    b"<svg": "an SVG drawing",
    b"gif8": "a GIF",
    b"%pdf": "a PDF",
    b"pk\3\4": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
}


@contextmanager
def picture(file: Path | BytesIO, where: Callable[[], str]) -> Iterator[Image.Image]:
    """Open an image file; what goes wrong inside the block is the image's fault, and names it.

    PIL warns of what it repairs or doubts (sizes, EXIF, palettes, animations) in words for who writes programs with it;
    here a picture is taken or refused.

    Args:
        file: the file, or its bytes.
        where: names the image in an error.

    Yields:
        The first frame. A JPEG is not decoded yet; others may be.

    Raises:
        DataError: the file is missing, empty, truncated or no image, or has a range that cannot be known.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                if image.format == "TIFF":
                    _load_silently(image)
                yield _eight_bits(image)
    except DataError as error:
        raise DataError(error.what, where=where(), now=error.now) from error
    except UnidentifiedImageError as error:
        raise DataError(_no_image(file), where=where(), now=_COPY_AGAIN) from error
    except Image.DecompressionBombError as error:
        raise DataError(
            _too_large(file, str(error)),
            where=where(),
            now="remove it, or make it smaller: few bytes that claim so many pixels are meant to fill a memory",
        ) from error
    except MemoryError as error:
        raise DataError(
            "an image needs more memory than there is", where=where(), now="use fewer launch.loader_workers"
        ) from error
    except Exception as error:  # damaged bytes make PIL's readers raise anything: struct.error, IndexError, zlib.error
        raise DataError(f"an image cannot be read: {_reason(error)}", where=where(), now=_COPY_AGAIN) from error


def _load_silently(image: Image.Image) -> None:
    """Decode a TIFF: its library, which PIL gives no way to quiet, writes to standard error itself what is wrong."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        image.load()
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        image.load()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _too_large(file: Path | BytesIO, reason: str) -> str:
    """What is known of an image that PIL does not open: its bytes, and its pixels by PIL's own words."""
    most, size = 2 * (Image.MAX_IMAGE_PIXELS or 0), len(file.getbuffer()) if isinstance(file, BytesIO) else _size(file)
    pixels = re.search(r"\((\d+) pixels\)", reason)
    claims = f"claims {int(pixels[1]):,} pixels" if pixels else "claims more pixels than are read"
    return f"an image of {size:,} bytes {claims}; more than {most:,} no photograph has"


def _size(file: Path) -> int:
    return file.stat().st_size


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if text.startswith(_CODE):
        return "its compressed pixels are damaged"
    return " ".join(text.split()) or type(error).__name__


def _no_image(file: Path | BytesIO) -> str:
    raw = file.getvalue()[:64] if isinstance(file, BytesIO) else _head(file)
    if not raw:
        return "an image cannot be read: the file is empty"
    start = raw.lstrip().lower()
    kind = next((kind for beginning, kind in _BEGINNINGS.items() if start.startswith(beginning)), "no image")
    return f"an image cannot be read: it is {kind}"


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(64)


def _eight_bits(image: Image.Image) -> Image.Image:
    """The picture in a mode that PIL converts to RGB and gray without loss of its range."""
    if image.mode in _DEEP:
        return Image.fromarray(_floats(image) if image.mode == "F" else _integers(image))
    if image.mode not in _CONVERTIBLE:
        raise DataError(f"its pixels are {image.mode}, which do not become RGB", now="save it as RGB")
    if image.mode in _WITH_ALPHA or (image.mode == "P" and "transparency" in image.info):
        _refuse_invisible(image)
    return image


def _integers(image: Image.Image) -> NDArray[np.uint8]:
    """The 8 high bits."""
    if image.mode == "I" and image.format not in _SIXTEEN_BIT_FORMATS:
        raise DataError("its pixels are 32-bit integers or signed, of a range that no file declares", now=_SAVE_AGAIN)
    bits = _twelve_or_sixteen(image)
    values = np.asarray(image).astype(np.uint16)  # in native byte order
    if bits == 16 and 0 < (brightest := int(values.max())) < _DARKEST_16:
        raise DataError(
            f"its pixels have 16 bits and the brightest is {brightest} of 65535: it would be seen as black",
            now=_SAVE_AGAIN,
        )
    high = (values >> (bits - 8)).astype(np.uint8)
    return ~high if _white_is_zero(image) else high


def _floats(image: Image.Image) -> NDArray[np.uint8]:
    values = np.asarray(image, dtype=np.float32)
    least, most = float(values.min()), float(values.max())
    if not (least >= 0 and most <= 1):  # so that NaN is refused
        raise DataError(f"its pixels are floats of {least:g} to {most:g}, not of 0 to 1", now=_SAVE_AGAIN)
    scaled = (values * np.float32(255.999)).astype(np.uint8)
    return ~scaled if _white_is_zero(image) else scaled


def _twelve_or_sixteen(image: Image.Image) -> int:
    return 12 if _tag(image, _BITS_PER_SAMPLE) == (12,) else 16


def _white_is_zero(image: Image.Image) -> bool:
    """PIL turns such a TIFF round where it has 8 bits, and leaves it as it is where it has more."""
    return _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO


def _tag(image: Image.Image, tag: int) -> object:
    tags = getattr(image, "tag_v2", None)
    return None if tags is None else tags.get(tag)


def _refuse_invisible(image: Image.Image) -> None:
    """Alpha is dropped, as torchvision drops it: a picture that is in the alpha alone would be of one color."""
    full = image.convert(_CLOSEST[image.mode]) if image.mode in _CLOSEST else image
    *colors, alpha = cast(tuple[tuple[int, int], ...], full.getextrema())
    if alpha[0] != alpha[1] and all(low == high for low, high in colors):
        raise DataError(
            "all of it is in its transparency, which is dropped: it would be seen as one color",
            now="lay it on a background and save it without transparency",
        )
