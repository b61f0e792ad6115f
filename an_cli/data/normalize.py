"""From uint8 images to what the network takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normalize(x_uint8: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(x - 255 mean) / (255 std) per channel, as float32 on the images' device.

    Args:
        x_uint8: shape (n, c, h, w), values 0..255.
        mean: per channel, in units of the full range (0..1).
        std: likewise.

    Returns:
        A new tensor of the same shape and memory format. The constants travel as kernel arguments, so nothing is copied
        to the device.
    """
    if not len(mean) == len(std) == x_uint8.shape[1]:
        raise ValueError(f"{len(mean)} means and {len(std)} stds for {x_uint8.shape[1]} channels")
    x = x_uint8.to(torch.float32)
    for channel, (center, spread) in enumerate(zip(mean, std, strict=True)):
        x[:, channel].sub_(255 * center).div_(255 * spread)
    return x
