"""What the attention has learned, as pictures: a line of pixels per mixture component, layer below layer."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

_LEAST_WIDTH = 512  # pixels; small networks are drawn with larger ones
_BLANK = 255


def mixture_pictures(path: Path) -> dict[str, bytes]:
    """Heat maps of a run's `mixture.npz` as PNG: gamma and beta (K lines of C pixels a layer), and lambda's mean.

    Blue is below the middle, red above: 1 for gamma and 0 for beta; lambda runs from white to red. Empty where the run
    has no such file, or one that does not read.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes())) as arrays:  # of a damaged file it would leave the file open
            found = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError):
        return {}
    pictures = {}
    for what, middle in (("gamma", 1.0), ("beta", 0.0), ("lambda_mean", None)):
        layers = [np.atleast_2d(value) for name, value in found.items() if name.rpartition("/")[2] == what]
        if layers:
            pictures[f"mixture/{what}"] = _png(layers, middle)
    return pictures


def _png(layers: list[np.ndarray], middle: float | None) -> bytes:
    width = max(layer.shape[1] for layer in layers)
    reach = max(float(np.nanmax(np.abs(layer - (middle or 0.0)))) for layer in layers) or 1.0
    blocks = []
    for layer in layers:
        block = np.full((len(layer) + 1, width, 3), _BLANK, dtype=np.uint8)
        block[:-1, : layer.shape[1]] = _colors((layer - (middle or 0.0)) / reach)
        blocks.append(block)
    image = Image.fromarray(np.concatenate(blocks)[:-1])
    scale = max(1, _LEAST_WIDTH // width)
    buffer = io.BytesIO()
    image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(buffer, format="PNG")
    return buffer.getvalue()


def _colors(values: np.ndarray) -> np.ndarray:
    """-1 blue, 0 white, 1 red."""
    share = np.nan_to_num(np.clip(values, -1, 1))
    red, blue = 1 + np.minimum(share, 0), 1 - np.maximum(share, 0)
    return (255 * np.stack([red, np.minimum(red, blue), blue], axis=-1)).round().astype(np.uint8)


def as_images(pictures: Mapping[str, bytes]) -> dict[str, Image.Image]:
    """Pictures as PIL reads them."""
    return {name: Image.open(io.BytesIO(png)) for name, png in pictures.items()}
